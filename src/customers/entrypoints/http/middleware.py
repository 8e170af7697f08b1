"""The middleware of every request: its id, its errors, its headers, its log line and metrics."""

from collections.abc import Collection
from time import perf_counter
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import frozen

from customers.core.errors import CustomersError
from customers.entrypoints.http.body import TOO_LARGE, RequestRejected
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
from customers.entrypoints.http.routes import ROUTE
from customers.entrypoints.observability.logs import RequestScope, log_request, logger
from customers.entrypoints.observability.metrics import Metrics, method_label
from customers.entrypoints.observability.refusal_kinds import refusal_kind
from customers.entrypoints.observability.request_id import request_id_of

CLIENT_CLOSED_REQUEST = 499

Response = TypeVar("Response", bound=web.StreamResponse)


@frozen
class RequestMiddleware:
    """What surrounds every request; requests for the routes of `probes` are logged at debug."""

    _metrics: Metrics
    _drain: Drain
    _probes: Collection[str] = frozenset()

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started, status = perf_counter(), CLIENT_CLOSED_REQUEST
        request_id = request_id_of(request.headers.get("X-Request-Id", ""))
        self._metrics.http_started()
        with RequestScope(request_id), self._drain:
            try:
                response = await self._answer(request, handler)
                status = response.status
                self._prepare_close(request, response)
                return with_headers(response, request_id)
            finally:
                self._report(request, status, perf_counter() - started)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except CustomersError as error:
            response = error_response_of(error)
            if (kind := refusal_kind(error)) is not None:
                self._metrics.refused(kind)
        except RequestRejected as error:
            response = error.response
        except web.HTTPException as error:
            response = _library_error(error)
        except Exception:
            logger().exception("unhandled exception in request")
            response = INTERNAL_ERROR
        route, accept = request.get(ROUTE), ",".join(request.headers.getall("Accept", ()))
        error_format = ErrorFormat.PLAIN if route is None else route.error_format
        return error_response(response, error_format, accept)

    def _prepare_close(self, request: web.Request, response: web.StreamResponse) -> None:
        """Closes the connection after the response if its body is broken, or the service stops."""
        is_broken = request.content.exception() is not None  # cut off, or not decodable
        if is_broken:
            request.content.feed_eof()  # or aiohttp would wait for the rest of the body
        if is_broken or self._drain.is_stopping:
            response.force_close()

    def _report(self, request: web.Request, status: int, seconds: float) -> None:
        """Counts and logs a handled request."""
        route, method = _template(request), request.method
        self._metrics.http_finished(method=method, route=route, status=status, seconds=seconds)
        is_probe, label = route in self._probes, method_label(method)
        log_request(method=label, route=route, status=status, seconds=seconds, is_probe=is_probe)


def with_headers(response: Response, request_id: str) -> Response:
    """The response with the headers of every response."""
    response.headers["X-Request-Id"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    # Otherwise aiohttp would name itself, Python and their versions.
    response.headers["Server"] = "customers-service"
    return response


def _library_error(error: web.HTTPException) -> ErrorResponse:
    """An error of aiohttp itself, in our format."""
    if isinstance(error, web.HTTPNotFound):
        return UNKNOWN_PATH
    if isinstance(error, web.HTTPMethodNotAllowed):
        return method_not_allowed(list(error.allowed_methods))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TOO_LARGE
    code = error.reason.upper().replace(" ", "_").replace("-", "_")
    return ErrorResponse(status=error.status, code=code, message=error.reason)


def _template(request: web.Request) -> str | None:
    """The path of the route, its parts in braces; None for an unknown path."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical
