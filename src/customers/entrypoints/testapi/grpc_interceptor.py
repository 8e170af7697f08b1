"""Records gRPC calls in the call log, and applies faults to them.

gRPC cannot drop one call without dropping every other call of its connection. So a lost answer is a
status: the one that the fault names, or UNAVAILABLE, which callers see when a connection breaks.
"""

from functools import partial
from typing import Any

import grpc
from attrs import define, evolve
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from customers.entrypoints.grpc.generated.customers_pb2 import DESCRIPTOR
from customers.entrypoints.grpc.interceptor import REQUEST_ID, Context, Continuation, Handler
from customers.entrypoints.http.drain import CallsInFlight
from customers.entrypoints.testapi.call_log import Call, CallLog, CallOutcome
from customers.entrypoints.testapi.faults import Fault, Faults

_SERVICE = DESCRIPTOR.services_by_name["CustomersService"]
METHODS = tuple(method.name for method in _SERVICE.methods)


@define
class RecordingInterceptor(grpc.aio.ServerInterceptor):
    _call_log: CallLog
    _faults: Faults
    _calls_in_flight: CallsInFlight

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler, path = await continuation(handler_call_details), handler_call_details.method
        service, _, name = path.lstrip("/").partition("/")
        if handler is None or service != _SERVICE.full_name or name not in METHODS:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            partial(self._handle, path, name, handler),
            handler.request_deserializer,
            handler.response_serializer,
        )

    async def _handle(
        self, path: str, name: str, handler: Handler, raw: bytes, context: Context
    ) -> object:
        with self._calls_in_flight:
            request = _parse(GetMessageClass(_SERVICE.methods_by_name[name].input_type), raw)
            fault = self._faults.hit(name, _tenants(request))
            call = _RecordingContext(context, self._call_log, _call(path, name, request), fault)
            try:
                return await call.handle(raw, handler)
            finally:
                call.record(grpc.StatusCode.CANCELLED, "the caller disconnected", is_lost=True)


@define
class _RecordingContext:
    """Stands in for the context of a call, to record how it ends before the caller learns of it."""

    _context: Context
    _call_log: CallLog
    _call: Call
    _fault: Fault | None
    _answer: Message | None = None
    _is_recorded: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()
    ) -> None:
        self.record(code, details)
        await self._context.abort(code, details, trailing_metadata)

    async def handle(self, raw: bytes, handler: Handler) -> object:
        """Returns the handler's answer, unless a fault replaces it."""
        if self._fault is None:
            return await self._answer_of(handler, raw)
        fault = self._fault.details
        await fault.delay(self._context.done)
        if not fault.replaces_answer:
            return await self._answer_of(handler, raw)
        if fault.is_after_commit:
            await self._answer_of(handler, raw)
        await self.abort(fault.rpc_status, f"{self._fault.id} of the test API ended this call")
        return None

    def record(self, code: grpc.StatusCode, details: str, *, is_lost: bool = False) -> None:
        """Records the call, the first time only.

        The arguments describe the end of a call that has no answer.
        """
        if self._is_recorded:
            return
        self._is_recorded = True
        metadata = dict(self._context.trailing_metadata() or ())
        call = evolve(self._call, request_id=str(metadata.get(REQUEST_ID, "")))
        self._call_log.record(call, self._outcome(code, details, is_lost=is_lost))

    def _outcome(self, code: grpc.StatusCode, details: str, *, is_lost: bool) -> CallOutcome:
        fault_id = None if self._fault is None else self._fault.id
        if self._answer is None:
            answer = {"code": code.name, "message": details}
            return CallOutcome(status=code.name, answer=answer, fault=fault_id, is_lost=is_lost)
        is_lost = self._fault is not None and self._fault.details.is_after_commit
        answer = MessageToDict(self._answer)
        return CallOutcome(status="OK", answer=answer, fault=fault_id, is_lost=is_lost)

    async def _answer_of(self, handler: Handler, raw: bytes) -> object:
        self._answer = await handler.unary_unary(raw, self)
        return self._answer


def _parse(request_class: type[Message], raw: bytes) -> Message | None:
    try:
        return request_class.FromString(raw)
    except DecodeError:
        return None


def _tenants(request: Any) -> list[str]:
    """The tenants that a call names; a batch may name several."""
    facts = [] if request is None else getattr(request, "orders", [request])
    return sorted({fact.tenant_id for fact in facts if fact.tenant_id})


def _call(path: str, name: str, request: Message | None) -> Call:
    return Call(
        transport="grpc",
        operation=name,
        tenants=_tenants(request),
        method="POST",
        path=path,
        body=_json(request),
    )


def _json(request: Message | None) -> dict[str, Any] | None:
    """The request as JSON values; None for None, or if it has no JSON form (a date after 9999)."""
    try:
        return None if request is None else MessageToDict(request)
    except SerializeToJsonError:
        return None
