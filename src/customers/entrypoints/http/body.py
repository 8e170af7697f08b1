"""Receives the body of a request: checks its coding, size and type, and parses its JSON."""

import asyncio
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, cast

from aiohttp import StreamReader, web

from customers.core.errors import Invalid
from customers.entrypoints.http.body_sizes import MAX_BYTES, size_text
from customers.entrypoints.http.drain import BODY_TIMEOUT, BodyTimeout, Drain
from customers.entrypoints.http.errors import ErrorResponse
from customers.entrypoints.http.framing import MAX_FRAMING_BYTES, TooMuchFraming
from customers.entrypoints.json.parse import MAX_VALUES, parse_object

DRAIN: Final = web.AppKey("drain", Drain)
BODY_SECONDS: Final = 30.0
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
NDJSON: Final = "application/x-ndjson"

# A route that accepts larger bodies than MAX_BYTES accepts proportionally more values.
_BYTES_OF_A_VALUE: Final = MAX_BYTES // MAX_VALUES


class RequestRejected(Exception):
    """The HTTP interface itself refuses the request; `response` is the answer."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.code)
        self.response = response


class CallerLeft(Exception):
    """The connection was closed, usually by the caller, before the request was complete."""


TOO_SLOW: Final = ErrorResponse(
    status=408,
    code="BODY_TIMEOUT",
    message=f"the body did not arrive within {BODY_SECONDS:.0f} seconds",
)
TOO_MUCH_FRAMING: Final = ErrorResponse(
    status=413,
    code="BODY_TOO_LARGE",
    message="the sizes and extensions of the body's chunks must not exceed "
    f"{size_text(MAX_FRAMING_BYTES)} in all: send larger chunks, or a Content-Length",
)
ENCODED: Final = ErrorResponse(
    status=415,
    code="UNSUPPORTED_MEDIA_TYPE",
    message="the body must be sent as it is: no Content-Encoding is accepted",
)


def too_large(max_bytes: int) -> ErrorResponse:
    """The answer to a body that is larger than its route accepts."""
    message = f"the body must not exceed {size_text(max_bytes)} ({max_bytes:,} bytes)"
    return ErrorResponse(status=413, code="BODY_TOO_LARGE", message=message)


class Receiver(Protocol):
    """The connection on which a request arrives."""

    def body_arrives(self) -> AbstractContextManager[None]:
        """While the block runs, the connection waits for the rest of a body."""
        ...


async def read_body(
    request: web.Request, max_bytes: int = MAX_BYTES, media_type: str = JSON
) -> tuple[bytes, dict[str, Any] | None]:
    """The bytes of the body and the JSON object in it, None without a body, or if the body is of
    another media type than JSON.

    Numbers with a fraction or an exponent become exact decimals. Raises Invalid, RequestRejected,
    CallerLeft.
    """
    if not request.can_read_body:
        return b"", None
    _check_coding(request)
    raw = await _receive(request, max_bytes)
    if not raw:
        return b"", None
    _check_type(request, media_type)
    if media_type != JSON:
        return raw, None
    return raw, parse_object(raw, max(MAX_VALUES, max_bytes // _BYTES_OF_A_VALUE))


def _check_coding(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise RequestRejected(ENCODED)


async def _receive(request: web.Request, max_bytes: int) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise RequestRejected(too_large(max_bytes))
    try:
        if request.content.is_eof():
            return await _read(request.content, max_bytes)
        async with request.app[DRAIN].body(request), asyncio.timeout(BODY_SECONDS):
            with cast("Receiver", request.protocol).body_arrives():
                return await _read(request.content, max_bytes)
    except BodyTimeout as error:
        raise RequestRejected(BODY_TIMEOUT) from error
    except (OSError, web.RequestPayloadError) as error:
        raise _failure(request, error) from error


async def _read(content: StreamReader, max_bytes: int) -> bytes:
    parts, size = [], 0
    while part := await content.readany():
        size += len(part)
        if size > max_bytes:
            raise RequestRejected(too_large(max_bytes))
        parts.append(part)
    return b"".join(parts)


def _failure(request: web.Request, error: Exception) -> Exception:
    """The exception to raise for a body that did not arrive whole."""
    if request.transport is None or isinstance(error, ConnectionError):
        return CallerLeft()
    if isinstance(error, TooMuchFraming):
        return RequestRejected(TOO_MUCH_FRAMING)
    if isinstance(error, TimeoutError):
        return RequestRejected(TOO_SLOW)
    return Invalid.at("", "INVALID_BODY", "the body could not be decoded")


def _check_type(request: web.Request, media_type: str) -> None:
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (media_type,)
    content_type = request.content_type if "Content-Type" in request.headers else ""
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    if content_type in accepted and charset in ("utf-8", "utf8", "us-ascii"):
        return
    message = f"the body must be {' or '.join(accepted)} in UTF-8"
    raise RequestRejected(ErrorResponse(status=415, code="UNSUPPORTED_MEDIA_TYPE", message=message))
