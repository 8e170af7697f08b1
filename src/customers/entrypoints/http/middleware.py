"""What surrounds every request: its id, refusals, headers, line in the log, and metrics."""

from time import perf_counter
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from customers.core.errors import CustomersError
from customers.entrypoints.http.body import TOO_LARGE, RequestRejected
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.errors import (
    DEFECT,
    UNKNOWN_PATH,
    ErrorResponse,
    Form,
    error_response,
    error_response_of,
    method_not_allowed,
)
from customers.entrypoints.http.routes import ROUTE
from customers.entrypoints.observability.logs import RequestScope, log_request, logger
from customers.entrypoints.observability.metrics import Metrics, method_label
from customers.entrypoints.observability.request_id import request_id_of

Response = TypeVar("Response", bound=web.StreamResponse)


def middleware(metrics: Metrics, drain: Drain) -> Middleware:
    """The one middleware."""

    @web.middleware
    async def framed(request: web.Request, handler: Handler) -> web.StreamResponse:
        started, status = perf_counter(), 499
        request_id = request_id_of(request.headers.get("X-Request-Id", ""))
        metrics.http_started()
        with RequestScope(request_id), drain:
            try:
                response = await _answered(request, handler)
                status = response.status
                if _is_broken(request) or drain.is_stopping:
                    response.force_close()
                return headed(response, request_id)
            finally:
                seconds, route = perf_counter() - started, _template(request)
                metrics.http_finished(
                    method=request.method, route=route, status=status, seconds=seconds
                )
                log_request(
                    method=method_label(request.method), route=route, status=status, seconds=seconds
                )

    return framed


def headed(response: Response, request_id: str) -> Response:
    """The response with the headers that every one has."""
    response.headers["X-Request-Id"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    # Without one, aiohttp would name itself, Python and their versions.
    response.headers["Server"] = "customers-service"
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CustomersError as error:
        refusal = error_response_of(error)
    except RequestRejected as rejected:
        refusal = rejected.refusal
    except web.HTTPException as error:
        refusal = _library_refusal(error)
    except Exception:
        logger().exception("a request met a defect")
        refusal = DEFECT
    route = request.get(ROUTE)
    form = Form.PLAIN if route is None else route.form
    return error_response(refusal, form, ",".join(request.headers.getall("Accept", ())))


def _is_broken(request: web.Request) -> bool:
    """Whether the body broke off or did not decode; then nothing more of it is waited for."""
    if request.content.exception() is None:
        return False
    request.content.feed_eof()
    return True


def _library_refusal(error: web.HTTPException) -> ErrorResponse:
    """What aiohttp itself refused, said in our form."""
    if isinstance(error, web.HTTPNotFound):
        return UNKNOWN_PATH
    if isinstance(error, web.HTTPMethodNotAllowed):
        return method_not_allowed(list(error.allowed_methods))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TOO_LARGE
    code = error.reason.upper().replace(" ", "_").replace("-", "_")
    return ErrorResponse(status=error.status, code=code, message=error.reason)


def _template(request: web.Request) -> str | None:
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical
