"""The index at `/`: browsers are sent to the documentation, programs get links."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiohttp import web

from customers.entrypoints.http.expectation import leave_expectation
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import BASE

SERVICE: Final = "customers-service"
DOCS: Final = "/docs"
LINKS: Final = {
    "docs": DOCS,
    "openapi": "/openapi.json",
    "openapiYaml": "/openapi.yaml",
    "health": "/health",
    "ready": "/ready",
    "live": "/live",
    "metrics": "/metrics",
    "customers": f"{BASE}/customers",
    "segments": f"{BASE}/customers/segments",
}
_VARY: Final = {"Vary": "Accept"}


Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_index(app: web.Application, version: str, guarded: Callable[[Handler], Handler]) -> None:
    """Adds the index; `guarded` restricts a handler to callers who may see the documentation."""
    body = {"service": SERVICE, "version": version, "links": LINKS}

    async def index(request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall("Accept", ()))
        if prefers_html(accept):
            link = f'<a href="{DOCS}">API documentation</a>\n'
            headers = {"Location": DOCS, **_VARY}
            return web.Response(status=302, text=link, content_type="text/html", headers=headers)
        return json_response(body, headers=_VARY)

    app.router.add_get("/", guarded(index), expect_handler=leave_expectation)


def prefers_html(accept: str) -> bool:
    """Whether an Accept header gives text/html more weight than application/json."""
    weights = dict(_weights(accept))
    html, json = (
        next((weights[name] for name in (kind, f"{main}/*", "*/*") if name in weights), 0.0)
        for kind, main in (("text/html", "text"), ("application/json", "application"))
    )
    return html > json


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of an Accept header with their weights; the default weight is 1."""
    for media_range in accept.lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        texts = [text.strip() for text in parameters if text.startswith("q=")]
        try:
            yield name, float(texts[0].removeprefix("q=")) if texts else 1.0
        except ValueError:
            yield name, 0.0
