"""Serves the documentation: the OpenAPI document as JSON and YAML, and a page that shows it.

The page and its viewer are in `docs_page/`, so that browsers load nothing from other hosts. The
document is made in `openapi/`.
"""

import gzip
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final, Self

from aiohttp import web
from attrs import frozen

from customers.core.model.permissions import Permission
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.http.caller import HttpCaller
from customers.entrypoints.http.expectation import check_expectation, leave_expectation

HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"

# The page may run this service's scripts, call this service and use inline styles and data: images,
# which the viewer needs. It may not evaluate text as code, load anything from other hosts, submit a
# form, or be framed.
POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS: Final = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Documents:
    """The OpenAPI document, as JSON and YAML, and the page that shows it.

    The document is made on the first request for it, in a thread, and then cached. Where the
    documents are not public, callers need the permission service:observe.
    """

    def __init__(
        self,
        as_json: Callable[[], str],
        as_yaml: Callable[[], str],
        guard: Guard,
        *,
        are_public: bool,
    ) -> None:
        self._as_json = as_json
        self._as_yaml = as_yaml
        self._guard = guard
        self._are_public = are_public

    def add_to(self, app: web.Application) -> None:
        handlers = {
            "/openapi.json": _serve("application/json", lambda: self._as_json().encode()),
            "/openapi.yaml": _serve("application/yaml", lambda: self._as_yaml().encode()),
            "/docs": _serve(HTML, _file("page.html"), SECURITY_HEADERS),
            "/docs/start.js": _serve(SCRIPT, _file("start.js")),
            "/docs/scalar/standalone.js": _serve(SCRIPT, _file("scalar/standalone.js")),
        }
        for path, handler in handlers.items():
            guarded = self.guarded(handler)
            app.router.add_get(path, guarded, expect_handler=leave_expectation)

    def guarded(self, handler: Handler) -> Handler:
        """The handler, which only callers who may see the documents can reach, and no unknown
        expectation.
        """

        async def handle(request: web.Request) -> web.Response:
            if not self._are_public:
                await self._guard.admit(HttpCaller(request), Permission.SERVICE_OBSERVE)
            check_expectation(request)
            return await handler(request)

        return handle


@frozen(kw_only=True)
class StaticFile:
    """A text that is served plain or gzipped; each form has its own ETag."""

    plain: bytes
    gzipped: bytes
    digest: str

    @classmethod
    def of(cls, plain: bytes) -> Self:
        # Without a timestamp every process makes the same bytes.
        gzipped = gzip.compress(plain, compresslevel=6, mtime=0)
        return cls(plain=plain, gzipped=gzipped, digest=sha256(plain).hexdigest())

    def response(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """The response, gzipped if the caller accepts that; 304 if the caller has this version."""
        body, tag, encoding = self.plain, self.digest, {}
        if _accepts_gzip(",".join(request.headers.getall("Accept-Encoding", ()))):
            body, tag, encoding = self.gzipped, f"{self.digest}-gzip", {"Content-Encoding": "gzip"}
        cached = {
            "ETag": f'"{tag}"',
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding",
            **headers,
        }
        if any(own.value in (tag, "*") for own in request.if_none_match or ()):
            return web.Response(status=304, headers=cached)
        return web.Response(body=body, headers=cached | encoding)


def _file(name: str) -> Callable[[], bytes]:
    return files("customers.entrypoints.http").joinpath("docs_page", name).read_bytes


def _serve(
    content_type: str, read: Callable[[], bytes], headers: Mapping[str, str] | None = None
) -> Handler:
    """A handler that serves the text that `read` returns on the first request."""
    file = cache(lambda: StaticFile.of(read()))
    all_headers = {"Content-Type": content_type, **(headers or {})}

    async def handle(request: web.Request) -> web.Response:
        # In a thread: reading and compressing megabytes would block other requests.
        return (await to_thread(file)).response(request, all_headers)

    return handle


def _accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip with a weight above zero."""
    codings = (part.replace(" ", "").lower().partition(";") for part in header.split(","))
    weights = {coding: weight for coding, _, weight in codings}
    return weights.get("gzip", "q=0").rstrip("0.") != "q="
