"""The answers that aiohttp gives without calling a handler, in our error format.

They are for a request that is not HTTP, has a line that is too long or an unknown expectation, and
for an exception outside the middleware.
"""

from aiohttp import web

from customers.entrypoints.http.errors import (
    INTERNAL_ERROR,
    ErrorFormat,
    ErrorResponse,
    error_response,
)
from customers.entrypoints.http.middleware import with_headers
from customers.entrypoints.observability.logs import log_request, logger
from customers.entrypoints.observability.request_id import request_id_of

MALFORMED = ErrorResponse(
    status=400,
    code="MALFORMED_REQUEST",
    message="the request is not well-formed HTTP, or one of its lines is too long",
)
EXPECTATION_FAILED = ErrorResponse(
    status=417, code="EXPECTATION_FAILED", message="the only expectation supported is 100-continue"
)


class Protocol(web.RequestHandler):
    """One connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to an unhandled exception. Raises ConnectionError after an answer began."""
        if request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        if status == MALFORMED.status:
            return _answer(MALFORMED)
        logger().error("unhandled exception outside of the middleware", exc_info=exc)
        return _answer(INTERNAL_ERROR)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends a response; an error of the library in our format."""
        if isinstance(resp, web.HTTPException):
            is_expectation = resp.status == EXPECTATION_FAILED.status
            resp = _answer(EXPECTATION_FAILED if is_expectation else INTERNAL_ERROR)
        return await super().finish_response(request, resp, start_time)


def _answer(error: ErrorResponse) -> web.Response:
    log_request(method="OTHER", route=None, status=error.status, seconds=0)
    response = error_response(error, ErrorFormat.PLAIN, accept="")
    response.force_close()
    return with_headers(response, request_id_of())
