"""Responses with JSON bodies, and conditional responses (ETag)."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from customers.entrypoints.json.encode import encode

_NONE: Final[Mapping[str, str]] = {}


def json_response(
    body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status, body=encode(body), content_type="application/json", headers=headers
    )


def versioned_response(
    request: web.Request, version: int, body: Any, *, headers: Mapping[str, str] = _NONE
) -> web.Response:
    """A response with the body and its strong ETag; 304 if the caller already has that version."""
    tag = f'"{version}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", **headers}
    if _matches(request, tag):
        return web.Response(status=304, headers=headers)
    return json_response(body, headers=headers)


def _matches(request: web.Request, tag: str) -> bool:
    """Whether If-None-Match names the tag, or is `*`."""
    if "If-None-Match" not in request.headers:
        return False
    header = ",".join(request.headers.getall("If-None-Match")).strip()
    tags = (text.strip().removeprefix("W/") for text in header.split(","))
    return header == "*" or tag in tags
