"""Answers the header `Expect` once the caller is admitted, and not before, as aiohttp would."""

from typing import Final

from aiohttp import HttpVersion11, web

from customers.entrypoints.http.body import CallerLeft, RequestRejected
from customers.entrypoints.http.errors import ErrorResponse

EXPECTATION_FAILED: Final = ErrorResponse(
    status=417, code="EXPECTATION_FAILED", message="the only expectation supported is 100-continue"
)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


async def leave_expectation(_: web.Request) -> None:
    """What aiohttp calls before the middleware, when nobody knows yet who calls: does nothing."""


async def answer_expectation(request: web.Request, max_bytes: int) -> None:
    """Asks a caller who sends `Expect`, and waits for that, to send the body, unless it will not be
    read: a body of more than `max_bytes`, or of a GET or HEAD.

    Raises RequestRejected for another expectation, and CallerLeft.
    """
    check_expectation(request)
    if request.version != HttpVersion11:
        return
    is_read = request.method not in ("GET", "HEAD") and request.can_read_body
    if not is_read or (request.content_length or 0) > max_bytes:
        return
    try:
        await request.writer.write(_CONTINUE)
    except ConnectionError as error:
        raise CallerLeft from error
    request.writer.output_size = 0  # the answer itself has not begun


def check_expectation(request: web.Request) -> None:
    """Raises RequestRejected for an expectation other than 100-continue. HTTP before 1.1 has none,
    and an empty one counts as missing.
    """
    expected = request.headers.get("Expect", "").lower()
    if expected not in ("", "100-continue") and request.version == HttpVersion11:
        raise RequestRejected(EXPECTATION_FAILED)
