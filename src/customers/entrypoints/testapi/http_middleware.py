"""Records REST calls in the call log, and applies faults to them.

A fault is chosen after the request was read and before it is handled. An answer that is to be
lost is dropped outside of all other middleware, where it is known and can be recorded.
"""

import json
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler as AppHandler
from attrs import frozen

from customers.core.errors import CustomersError, Invalid
from customers.core.errors.availability import Unavailable
from customers.core.model.principal import ANYONE
from customers.core.model.tenant import TenantGate
from customers.entrypoints.http.body import DRAIN, RequestRejected
from customers.entrypoints.http.drain import CallsInFlight
from customers.entrypoints.http.errors import RETRY_LATER, ErrorResponse, error_response_of
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import BASE, ROUTE, Handler, Route
from customers.entrypoints.http.tenant import TenantReader
from customers.entrypoints.testapi.call_log import Call, CallLog, CallOutcome
from customers.entrypoints.testapi.faults import Abort, Fault, Faults
from customers.entrypoints.testapi.host_guard import HostGuard
from customers.entrypoints.testapi.ports import ControllableIds
from customers.entrypoints.testapi.routes import PREFIX

CONTEXT: Final = web.RequestKey("context", RequestContext)
# The mobile app calls without the base path.
_RECORDED: Final = (BASE, "/customers/")
FAULT: Final = web.RequestKey("fault", Fault)
_TENANTS: Final = TenantReader(TenantGate(), believes_claims=True)
# What each operation creates, since sequential ids are counted by kind.
_CREATED_KINDS: Final = {
    "registerCustomer": "Customer",
    "addAddress": "Address",
    "addOwnAddress": "Address",
    "addPaymentMethod": "PaymentMethod",
    "addNote": "Note",
    "addCommunication": "Communication",
    "createSegment": "Segment",
    "createKey": "ApiKey",
}


@frozen
class RecordingMiddleware:
    _call_log: CallLog
    _faults: Faults
    _calls_in_flight: CallsInFlight
    _ids: ControllableIds
    _host_guard: HostGuard

    def around(self, route: Route, handler: Handler) -> Handler:
        """A handler around that of a route: for a tenant's route, to apply faults and count ids by
        kind; for one of the test API, to refuse calls of other sites. Others stay as they are.
        """
        if route.path.startswith(PREFIX):
            return partial(self._guarded, handler)
        return partial(self._handle, route, handler) if route.is_of_tenant else handler

    @web.middleware
    async def middleware(self, request: web.Request, handler: AppHandler) -> web.StreamResponse:
        """Records calls, and drops the connection of a call whose answer is to be lost."""
        if not request.path.startswith(_RECORDED):
            return await handler(request)
        with self._calls_in_flight:
            response = await handler(request)
            outcome = _outcome(request, response)
            self._call_log.record(_call(request, response), outcome)
        if outcome.is_lost and request.transport is not None:
            request.transport.abort()
        return response

    async def _guarded(self, handler: Handler, context: RequestContext) -> web.Response:
        self._host_guard.check(context.request)
        return await handler(context)

    async def _handle(
        self, route: Route, handler: Handler, context: RequestContext
    ) -> web.Response:
        context.request[CONTEXT] = context
        fault = self._faults.hit(route.operation, _tenants(context))
        with self._ids.scope(context.named_tenant, _CREATED_KINDS.get(route.operation, "")):
            if fault is None:
                return await handler(context)
            context.request[FAULT] = fault
            return await _apply(fault, context, handler)


async def _apply(fault: Fault, context: RequestContext, handler: Handler) -> web.Response:
    """The handler's answer, delayed; the middleware drops it if the fault only loses it. Raises
    RequestRejected if the fault replaces the answer, or prevents the handling.
    """
    details = fault.details
    await details.delay(partial(_is_abandoned, context.request))
    if not details.replaces_answer:
        return await handler(context)
    if not details.is_after_commit:
        raise RequestRejected(_error_response(fault))
    if details.status is None:
        return await handler(context)
    with suppress(CustomersError, RequestRejected):
        await handler(context)
    raise RequestRejected(_error_response(fault))


def _is_abandoned(request: web.Request) -> bool:
    """Whether the caller has disconnected, or the service is stopping."""
    transport = request.transport
    return transport is None or transport.is_closing() or request.app[DRAIN].is_stopping


def _error_response(fault: Fault) -> ErrorResponse:
    """The answer with the fault's status, or 503; 503 is the answer of an unavailable storage."""
    status = fault.details.status or 503
    unavailable = error_response_of(Unavailable())
    if status == unavailable.status:
        return unavailable
    code, message = "INJECTED_FAULT", f"{fault.id} of the test API answered this call"
    headers = RETRY_LATER if status == 429 else {}
    return ErrorResponse(status=status, code=code, message=message, headers=headers)


def _tenants(context: RequestContext) -> list[str]:
    return [context.named_tenant] if context.named_tenant else []


def _tenants_without_body(request: web.Request) -> list[str]:
    """The tenant that a call names outside its body; none if it names several or an invalid one."""
    try:
        return [_TENANTS.read(request, None, ANYONE)]
    except Invalid:
        return []


def _call(request: web.Request, response: web.StreamResponse) -> Call:
    context, route = request.get(CONTEXT), request.get(ROUTE)
    return Call(
        transport="http",
        operation=None if route is None else route.operation,
        tenants=_tenants_without_body(request) if context is None else _tenants(context),
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        request_id=response.headers["X-Request-Id"],
        body=None if context is None else context.body,
    )


def _outcome(request: web.Request, response: web.StreamResponse) -> CallOutcome:
    status, answer, fault = response.status, _answer(response), request.get(FAULT)
    if fault is None:
        return CallOutcome(status=status, answer=answer)
    is_lost = fault.details.abort is not None and fault.details.status is None
    if is_lost and fault.details.abort is Abort.BEFORE:
        return CallOutcome(status=None, fault=fault.id, is_lost=True)
    return CallOutcome(status=status, answer=answer, fault=fault.id, is_lost=is_lost)


def _answer(response: web.StreamResponse) -> Any:
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or "json" not in response.content_type:
        return None
    return json.loads(body, parse_float=Decimal)
