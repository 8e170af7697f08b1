"""The error answers that a connection sends itself, without a handler."""

from typing import Final, cast

from aiohttp import web

from customers.entrypoints.http.errors import (
    RETRY_LATER,
    ErrorFormat,
    ErrorResponse,
    error_response,
)
from customers.entrypoints.http.middleware import with_headers
from customers.entrypoints.observability.logs import log_request
from customers.entrypoints.observability.request_id import request_id_of

# How long a caller may take to send the head of a request.
HEAD_SECONDS: Final = 10.0


MALFORMED = ErrorResponse(
    status=400,
    code="MALFORMED_REQUEST",
    message="the request is not well-formed HTTP, or its first line is too long",
)


HEAD_TIMEOUT = ErrorResponse(
    status=408,
    code="REQUEST_TIMEOUT",
    message=f"the head of the request did not arrive within {HEAD_SECONDS:.0f} seconds",
)


TOO_MANY_CONNECTIONS = ErrorResponse(
    status=503,
    code="TOO_MANY_CONNECTIONS",
    message="too many connections are open; use the ones that you have, or try again later",
    headers=RETRY_LATER,
)


def response_to(error: ErrorResponse) -> web.Response:
    """The response to an error, which is logged here. Refused connections are not logged here:
    `connections` logs several of them in one line.
    """
    if error is not TOO_MANY_CONNECTIONS:
        log_request(method="OTHER", route=None, status=error.status, seconds=0)
    response = error_response(error, ErrorFormat.PLAIN, accept="")
    response.force_close()
    return with_headers(response, request_id_of())


def as_bytes(error: ErrorResponse) -> bytes:
    """The whole response, for a connection on which no request is being handled."""
    response = response_to(error)
    body = cast("bytes", response.body)
    headers = {**response.headers, "Content-Length": len(body), "Connection": "close"}
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
