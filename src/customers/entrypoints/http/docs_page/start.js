// Shows the API of the service that serves this page, without requests to other hosts.

// Otherwise the viewer tests whether it may evaluate text as code, which the policy forbids.
globalThis.__zod_globalConfig = { jitless: true };

addEventListener("DOMContentLoaded", () => {
  Scalar.createApiReference("#reference", {
    url: "openapi.json",
    // The file name of a downloaded document.
    slug: "customers",
    // Everything that calls or advertises another service is off.
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: "never",
    // The viewer calls its choice of code samples "Client Libraries": there are none.
    localization: { translations: { clientLibraries: { heading: "Code samples" } } },
  });
});
