"""REST calls, watched: written into the journal, and struck by faults.

A fault strikes where a call has been read and is about to be handled; its answer is lost outside
of everything, where the journal knows what would have been answered.
"""

import json
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler as AppHandler
from aiohttp.typedefs import Middleware
from attrs import frozen

from customers.core.errors import CustomersError, Invalid, Unavailable
from customers.entrypoints.http.body import DRAIN, RequestRejected
from customers.entrypoints.http.errors import RETRY_LATER, ErrorResponse, error_response_of
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import BASE, ROUTE, Handler, Route
from customers.entrypoints.http.tenant import tenant_of
from customers.entrypoints.testapi.call_log import Call, Journal, Outcome
from customers.entrypoints.testapi.faults import Abort, Fault, Faults
from customers.entrypoints.testapi.in_flight import InFlight
from customers.entrypoints.testapi.ports import ControllableIds

ASKED: Final = web.RequestKey("asked", RequestContext)
STRUCK: Final = web.RequestKey("struck", Fault)
# The operations that create something, and what: sequential ids are counted by kind.
_CREATED_KINDS: Final = {
    "registerCustomer": "Customer",
    "addAddress": "Address",
    "addPaymentMethod": "PaymentMethod",
    "addNote": "Note",
    "addCommunication": "Communication",
    "createSegment": "Segment",
}


@frozen
class WatchedHttp:
    _journal: Journal
    _faults: Faults
    _in_flight: InFlight
    _ids: ControllableIds

    def around(self, route: Route, handler: Handler) -> Handler:
        """What handles the calls of a route instead: it may be struck."""
        if not route.is_of_tenant:
            return handler

        async def struck_or_handled(context: RequestContext) -> web.Response:
            context.request[ASKED] = context
            fault = self._faults.strike(route.operation, _tenants(context))
            kind = _CREATED_KINDS.get(route.operation, "")
            with self._ids.scope(context.named_tenant, kind):
                if fault is None:
                    return await handler(context)
                context.request[STRUCK] = fault
                return await _struck(fault, context, handler)

        return struck_or_handled

    def middleware(self) -> Middleware:
        """Writes calls into the journal, and loses the answers that are to be lost."""

        @web.middleware
        async def watched(request: web.Request, handler: AppHandler) -> web.StreamResponse:
            if not request.path.startswith(BASE):
                return await handler(request)
            with self._in_flight:
                response = await handler(request)
                outcome = _outcome(request, response)
                self._journal.write(_call(request, response), outcome)
            if outcome.is_lost and request.transport is not None:
                request.transport.abort()
            return response

        return watched


async def _struck(fault: Fault, context: RequestContext, handler: Handler) -> web.Response:
    details = fault.details
    await details.wait(partial(_is_abandoned, context.request))
    if not details.answers:
        return await handler(context)
    if not details.is_late:
        raise RequestRejected(_refusal(fault))
    if details.status is None:
        return await handler(context)
    with suppress(CustomersError, RequestRejected):
        await handler(context)
    raise RequestRejected(_refusal(fault))


def _is_abandoned(request: web.Request) -> bool:
    """Whether the caller has gone, or the service is about to go."""
    transport = request.transport
    return transport is None or transport.is_closing() or request.app[DRAIN].is_stopping


def _refusal(fault: Fault) -> ErrorResponse:
    """What is answered; for the status of a storage that is away, just what that answers."""
    status = fault.details.status or 503
    away = error_response_of(Unavailable())
    if status == away.status:
        return away
    code, message = "INJECTED_FAULT", f"{fault.id} of the test API answers this call"
    headers = RETRY_LATER if status == 429 else {}
    return ErrorResponse(status=status, code=code, message=message, headers=headers)


def _tenants(context: RequestContext) -> list[str]:
    return [context.named_tenant] if context.named_tenant else []


def _named(request: web.Request) -> list[str]:
    """The tenant of a call whose body could not be read."""
    try:
        return [tenant_of(request, None)]
    except Invalid:
        return []


def _call(request: web.Request, response: web.StreamResponse) -> Call:
    context, route = request.get(ASKED), request.get(ROUTE)
    return Call(
        transport="http",
        operation=None if route is None else route.operation,
        tenants=_named(request) if context is None else _tenants(context),
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        request_id=response.headers["X-Request-Id"],
        body=None if context is None else context.body,
    )


def _outcome(request: web.Request, response: web.StreamResponse) -> Outcome:
    fault = request.get(STRUCK)
    if fault is None:
        return Outcome(status=response.status, answer=_answer(response))
    is_lost = fault.details.abort is not None and fault.details.status is None
    if fault.details.abort is Abort.BEFORE and is_lost:
        return Outcome(status=None, fault=fault.id, is_lost=True)
    return Outcome(
        status=response.status, answer=_answer(response), fault=fault.id, is_lost=is_lost
    )


def _answer(response: web.StreamResponse) -> Any:
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or "json" not in response.content_type:
        return None
    return json.loads(body, parse_float=Decimal)
