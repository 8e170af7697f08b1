"""The middleware of every request: request id, error answers, headers, log line and metrics."""

from collections.abc import Collection
from time import perf_counter
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import frozen

from customers.core.errors import CustomersError
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.http.body import ENCODED, CallerLeft, RequestRejected
from customers.entrypoints.http.caller import HttpCaller
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.errors import (
    INTERNAL_ERROR,
    UNKNOWN_PATH,
    ErrorFormat,
    ErrorResponse,
    error_response,
    error_response_of,
    method_not_allowed,
)
from customers.entrypoints.http.request_line import HEADERS_TOO_LARGE, check_size_of_headers
from customers.entrypoints.http.routes import BASE, ROUTE
from customers.entrypoints.observability.logs import RequestScope, log_request, logger
from customers.entrypoints.observability.metrics import Metrics, method_label
from customers.entrypoints.observability.refusal_kinds import access_refusal, refusal_kind
from customers.entrypoints.observability.request_id import request_id_of

CLIENT_CLOSED_REQUEST: Final = 499
CALLER_LEFT: Final = ErrorResponse(
    status=CLIENT_CLOSED_REQUEST,
    code="CLIENT_CLOSED_REQUEST",
    message="the caller closed the connection before the request was complete",
)
_REFUSED_BODIES: Final = frozenset((408, 413, 415))
# The codes of errors that are counted as refusals of a request that exceeds a limit.
LIMITS: Final = frozenset(
    (
        "ANSWER_TOO_LARGE",
        "BODY_TIMEOUT",
        "BODY_TOO_LARGE",
        "HEADERS_TOO_LARGE",
    )
)

Response = TypeVar("Response", bound=web.StreamResponse)


@frozen
class RequestMiddleware:
    """Wraps the handling of every request. Requests for the paths in `probes` are logged at debug,
    except server errors.
    """

    _metrics: Metrics
    _drain: Drain
    _guard: Guard
    _probes: Collection[str] = frozenset()

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started, status = perf_counter(), CLIENT_CLOSED_REQUEST
        request_id = request_id_of(request.headers.get("X-Request-Id", ""))
        self._metrics.http_started()
        with RequestScope(request_id), self._drain:
            try:
                response = await self._answer(request, handler)
                status = _status_of(request, response)
                self._prepare_close(request, response, status)
                return with_headers(response, request_id)
            finally:
                self._report(request, status, perf_counter() - started)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The response of the handler, or the response to an error."""
        try:
            check_size_of_headers(request)
            if request.match_info.http_exception is not None and _is_of_api(request):
                # An unauthenticated caller must not learn which paths exist.
                await self._guard.authenticate(HttpCaller(request))
            return await handler(request)
        except CustomersError as error:
            response = error_response_of(error)
            self._count_refusal(error)
        except RequestRejected as error:
            response = error.response
        except CallerLeft:
            response = CALLER_LEFT
        except web.HTTPException as error:
            response = _library_error(error)
        except Exception:
            logger().exception("unhandled exception in request")
            response = INTERNAL_ERROR
        return self._error_response(request, response)

    def _count_refusal(self, error: CustomersError) -> None:
        if (kind := refusal_kind(error)) is not None:
            self._metrics.refused(kind)
        if (reason := access_refusal(error)) is not None:
            self._metrics.access_refused(reason)
            logger().warning("access refused", cause=reason, detail=str(error))

    def _error_response(self, request: web.Request, error: ErrorResponse) -> web.Response:
        """The error in the route's format; counted if it is about a limit or the body's coding."""
        if error.code in LIMITS:
            self._metrics.refused(error.code.lower())
        elif error is ENCODED:
            self._metrics.refused("content_encoding")
        route = request.get(ROUTE)
        error_format = ErrorFormat.PLAIN if route is None else route.error_format
        return error_response(error, error_format, _accept(request, error))

    def _prepare_close(
        self, request: web.Request, response: web.StreamResponse, status: int
    ) -> None:
        """Closes the connection after the response if the service is stopping, or if the body was
        refused or not read to its end: nobody will read the rest.
        """
        body = request.content
        is_unread = not body.is_eof() or body.exception() is not None
        if is_unread or status in _REFUSED_BODIES or self._drain.is_stopping:
            response.force_close()

    def _report(self, request: web.Request, status: int, seconds: float) -> None:
        """Counts and logs a handled request."""
        route, method = _template(request), request.method
        self._metrics.http_finished(method=method, route=route, status=status, seconds=seconds)
        is_probe, label = route in self._probes, method_label(method)
        log_request(method=label, route=route, status=status, seconds=seconds, is_probe=is_probe)


def with_headers(response: Response, request_id: str) -> Response:
    """The response, with the headers that every response has."""
    response.headers["X-Request-Id"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    # Otherwise aiohttp would name itself, Python and their versions.
    response.headers["Server"] = "customers-service"
    return response


def _is_of_api(request: web.Request) -> bool:
    return request.path == BASE or request.path.startswith(f"{BASE}/")


def _accept(request: web.Request, error: ErrorResponse) -> str:
    """The Accept header; empty if the headers are too large to be looked at."""
    is_readable = error is not HEADERS_TOO_LARGE
    return ",".join(request.headers.getall("Accept", ())) if is_readable else ""


def _library_error(error: web.HTTPException) -> ErrorResponse:
    """An error of aiohttp itself, in our format."""
    if isinstance(error, web.HTTPNotFound):
        return UNKNOWN_PATH
    if isinstance(error, web.HTTPMethodNotAllowed):
        return method_not_allowed(list(error.allowed_methods))
    code = error.reason.upper().replace(" ", "_").replace("-", "_")
    return ErrorResponse(status=error.status, code=code, message=error.reason)


def _status_of(request: web.Request, response: web.StreamResponse) -> int:
    """The status to report: 499 if the caller has left, unless the response is a server error."""
    status = response.status
    return CLIENT_CLOSED_REQUEST if request.transport is None and status < 500 else status


def _template(request: web.Request) -> str | None:
    """The path of the route, with its parameters in braces; None for an unknown path or method."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical
