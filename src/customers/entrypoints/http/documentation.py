"""The documentation: the OpenAPI document as JSON and as YAML, and a page that shows it.

The page and the viewer that it is made of are in `docs_page/`, so that a browser asks nobody but
this service. What the document says is decided elsewhere.
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

HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"

# What the page may do: run this service's scripts, style itself (the viewer writes its styles and
# icons into the page), and call this service. It may not make code from text, load anything from
# elsewhere, send a form, or be framed.
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
GUARD: Final = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Documents:
    def __init__(self, as_json: Callable[[], str], as_yaml: Callable[[], str]) -> None:
        """The document is asked for when somebody first wants it, in a thread, and kept."""
        self._as_json = as_json
        self._as_yaml = as_yaml

    def add_to(self, app: web.Application) -> None:
        served = {
            "/openapi.json": _serving("application/json", lambda: self._as_json().encode()),
            "/openapi.yaml": _serving("application/yaml", lambda: self._as_yaml().encode()),
            "/docs": _serving(HTML, _file("page.html"), GUARD),
            "/docs/start.js": _serving(SCRIPT, _file("start.js")),
            "/docs/scalar/standalone.js": _serving(SCRIPT, _file("scalar/standalone.js")),
        }
        for path, handler in served.items():
            app.router.add_get(path, handler)


@frozen(kw_only=True)
class StaticFile:
    """A text that is served as it is or gzipped, each form with an ETag of its own."""

    plain: bytes
    packed: bytes
    digest: str

    @classmethod
    def of(cls, plain: bytes) -> Self:
        # Without a moment in it, every process packs the same bytes.
        packed = gzip.compress(plain, compresslevel=6, mtime=0)
        return cls(plain=plain, packed=packed, digest=sha256(plain).hexdigest())

    def json_response(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """The form that the caller takes; 304 when it has that one already."""
        form, tag, coded = self.plain, self.digest, {}
        if _takes_gzip(",".join(request.headers.getall("Accept-Encoding", ()))):
            form, tag, coded = self.packed, f"{self.digest}-gzip", {"Content-Encoding": "gzip"}
        kept = {
            "ETag": f'"{tag}"',
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding",
            **headers,
        }
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=kept)
        return web.Response(body=form, headers=kept | coded)


def _file(name: str) -> Callable[[], bytes]:
    return files("customers.entrypoints.http").joinpath("docs_page", name).read_bytes


def _serving(
    content_type: str, read: Callable[[], bytes], headers: Mapping[str, str] | None = None
) -> Handler:
    """A handler that serves what is read when it is first asked for."""
    kept = cache(lambda: StaticFile.of(read()))
    described = {"Content-Type": content_type, **(headers or {})}

    async def serve(request: web.Request) -> web.Response:
        # To read, write and pack megabytes takes longer than other requests may wait.
        text = await to_thread(kept)
        return text.json_response(request, described)

    return serve


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names it, and not with a weight of zero."""
    codings = (each.replace(" ", "").lower().partition(";") for each in accepted.split(","))
    weights = {coding: weight for coding, _, weight in codings}
    return weights.get("gzip", "q=0").rstrip("0.") != "q="
