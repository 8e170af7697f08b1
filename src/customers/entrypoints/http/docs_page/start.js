// Shows the API of the service that this page comes from; nobody else takes part.

// Otherwise the viewer tries whether it may make code from text, which the page's policy forbids.
globalThis.__zod_globalConfig = { jitless: true };

addEventListener("DOMContentLoaded", () => {
  Scalar.createApiReference("#reference", {
    url: "openapi.json",
    // What a download of the document is called.
    slug: "customers",
    // What could call, or invite to, somebody else's service is off.
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: "never",
  });
});
