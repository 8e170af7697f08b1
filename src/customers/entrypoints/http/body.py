"""Receives the body of a request: checks its type and size, and parses its JSON."""

import json
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NoReturn

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from customers.core.errors import Invalid
from customers.entrypoints.http.drain import BODY_TIMEOUT, BodyTimeout, Drain
from customers.entrypoints.http.errors import ErrorResponse

DRAIN: Final = web.AppKey("drain", Drain)
MAX_BYTES = 1024 * 1024
MAX_LEVELS = 200
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class RequestRejected(Exception):
    """The request was refused before it reached the core."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.code)
        self.response = response


TOO_LARGE = ErrorResponse(
    status=413, code="BODY_TOO_LARGE", message="the body must not exceed 1 MiB (1,048,576 bytes)"
)


async def read_body(
    request: web.Request, max_bytes: int = MAX_BYTES
) -> tuple[bytes, dict[str, Any] | None]:
    """The bytes of the body and the JSON object in it, None without a body.

    Numbers with a fraction or an exponent become exact decimals. Raises Invalid, RequestRejected.
    """
    if not request.can_read_body:
        return b"", None
    # The application itself accepts what most routes do; a few accept more.
    is_usual = max_bytes == MAX_BYTES
    raw = await _receive(request if is_usual else request.clone(client_max_size=max_bytes))
    if not raw:
        return b"", None
    _check_type(request)
    return raw, _parse(raw)


async def _receive(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():
            return await request.read()
        async with request.app[DRAIN].body(request):
            return await request.read()
    except BodyTimeout as error:
        raise RequestRejected(BODY_TIMEOUT) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise RequestRejected(TOO_LARGE) from error
    except (ContentEncodingError, web.RequestPayloadError) as error:
        raise Invalid.at("", "INVALID_BODY", "the body could not be decoded") from error


def _check_type(request: web.Request) -> None:
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    content_type = request.content_type if "Content-Type" in request.headers else ""
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if content_type in accepted and charset in ("utf-8", "utf8", "us-ascii"):
        return
    message = f"the body must be {' or '.join(accepted)} in UTF-8"
    raise RequestRejected(ErrorResponse(status=415, code="UNSUPPORTED_MEDIA_TYPE", message=message))


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        value = _JSON.decode(raw.decode("utf-8"))
    except RecursionError as error:
        raise Invalid.at(*_TOO_DEEP) from error
    except (ValueError, ArithmeticError) as error:
        raise Invalid.at("", "INVALID_JSON", "the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise Invalid.at("", "INVALID_TYPE", "the body must be a JSON object")
    if _is_too_deep(value):
        raise Invalid.at(*_TOO_DEEP)
    return value


def _is_too_deep(value: dict[str, Any]) -> bool:
    """Whether it is nested so deep that recursive code could fail on it."""
    level: list[Any] = [value]
    for _ in range(MAX_LEVELS):
        containers = [child for child in level if isinstance(child, dict | list)]
        if not containers:
            return False
        children = (one.values() if isinstance(one, dict) else one for one in containers)
        level = list(chain.from_iterable(children))
    return any(isinstance(child, dict | list) for child in level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
_TOO_DEEP = ("", "TOO_DEEP", f"the body must not be nested more than {MAX_LEVELS} levels deep")
