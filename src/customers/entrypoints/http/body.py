"""Reading a request's body: its type, its size, its JSON."""

import json
from decimal import Decimal
from typing import Any, Final, NoReturn

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from customers.core.errors import Invalid, Problem
from customers.entrypoints.http.drain import GIVEN_UP, BodyGivenUp, Drain
from customers.entrypoints.http.errors import ErrorResponse

DRAIN: Final = web.AppKey("drain", Drain)
MOST_BYTES = 1024 * 1024
MOST_LEVELS = 200
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class RequestRejected(Exception):
    """The request was refused before the core saw it."""

    def __init__(self, refusal: ErrorResponse) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


TOO_LARGE = ErrorResponse(
    status=413, code="BODY_TOO_LARGE", message="a body may have at most 1 MiB (1,048,576 bytes)"
)


async def read_body(
    request: web.Request, most: int = MOST_BYTES
) -> tuple[bytes, dict[str, Any] | None]:
    """The body's bytes and the JSON object it holds, None when there is no body.

    Numbers with a fraction or an exponent come as exact decimals. Raises Invalid, Rejected.
    """
    if not request.can_read_body:
        return b"", None
    # The application lets through what is the most of any route but a few.
    raw = await _bytes(request if most == MOST_BYTES else request.clone(client_max_size=most))
    if not raw:
        return b"", None
    _check_type(request)
    return raw, _object(raw)


async def _bytes(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():
            return await request.read()
        async with request.app[DRAIN].body(request):
            return await request.read()
    except BodyGivenUp as error:
        raise RequestRejected(GIVEN_UP) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise RequestRejected(TOO_LARGE) from error
    except (ContentEncodingError, web.RequestPayloadError) as error:
        raise Invalid([_problem("INVALID_BODY", "the body does not decode")]) from error


def _check_type(request: web.Request) -> None:
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    given = request.content_type if "Content-Type" in request.headers else ""
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if given in accepted and charset in ("utf-8", "utf8", "us-ascii"):
        return
    message = f"a body must come as {' or '.join(accepted)} in UTF-8"
    raise RequestRejected(ErrorResponse(status=415, code="UNSUPPORTED_MEDIA_TYPE", message=message))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = _JSON.decode(raw.decode("utf-8"))
    except RecursionError as error:
        raise Invalid([_TOO_DEEP]) from error
    except (ValueError, ArithmeticError) as error:
        raise Invalid([_problem("INVALID_JSON", "the body is not valid JSON")]) from error
    if not isinstance(value, dict):
        raise Invalid([_problem("INVALID_TYPE", "the body must be a JSON object")])
    if _is_deep(value):
        raise Invalid([_TOO_DEEP])
    return value


def _is_deep(value: dict[str, Any]) -> bool:
    """Whether it is nested so deep that what reads it might not come to its end."""
    layer: list[Any] = [value]
    for _ in range(MOST_LEVELS):
        if not layer:
            return False
        layer = [
            inner
            for each in layer
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in layer)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Numbers with a fraction or an exponent as exact decimals.
_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _problem(code: str, message: str) -> Problem:
    return Problem(field="", pointer="", message=message, code=code)


_TOO_DEEP = _problem("TOO_DEEP", f"the body must not be nested more than {MOST_LEVELS} levels deep")
