"""What aiohttp answers by itself, before or around every handler, said in our form.

That is: a request that is not HTTP, or with a line too long, or with an expectation that nobody
meets; and a defect of the frame. What handlers refuse is the business of `middleware`.
"""

from aiohttp import web

from customers.entrypoints.http.errors import DEFECT, ErrorResponse, Form, error_response
from customers.entrypoints.http.middleware import headed
from customers.entrypoints.observability.logs import log_request, logger
from customers.entrypoints.observability.request_id import request_id_of

MALFORMED = ErrorResponse(
    status=400,
    code="MALFORMED_REQUEST",
    message="the request is not well-formed HTTP, or a line of it is too long",
)
UNMET = ErrorResponse(
    status=417, code="EXPECTATION_FAILED", message="the only expectation met is 100-continue"
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
        """The answer to what could not be handled. Raises ConnectionError after an answer."""
        if request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        if status == MALFORMED.status:
            return _answer(MALFORMED)
        logger().error("a request met a defect outside its frame", exc_info=exc)
        return _answer(DEFECT)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends a response; refusals of the library are said in our words."""
        if isinstance(resp, web.HTTPException):
            resp = _answer(UNMET if resp.status == UNMET.status else DEFECT)
        return await super().finish_response(request, resp, start_time)


def _answer(refusal: ErrorResponse) -> web.Response:
    log_request(method="OTHER", route=None, status=refusal.status, seconds=0)
    response = error_response(refusal, Form.PLAIN, accept="")
    response.force_close()
    return headed(response, request_id_of())
