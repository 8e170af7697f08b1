"""gRPC calls, watched: written into the journal, and struck by faults.

gRPC cannot drop one call without all others of its connection, so an answer that is lost is a
status: the one that the fault names, or UNAVAILABLE, as callers see it when a connection breaks.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from attrs import define, evolve
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc.aio import ServicerContext

from customers.entrypoints.grpc.generated.customers_pb2 import DESCRIPTOR
from customers.entrypoints.grpc.interceptor import REQUEST_ID
from customers.entrypoints.testapi.call_log import Call, Journal, Outcome
from customers.entrypoints.testapi.faults import Fault, Faults
from customers.entrypoints.testapi.in_flight import InFlight

Context = ServicerContext[Any, Any]
Handler = Any  # the published type of a handler knows no asyncio

_SERVICE = DESCRIPTOR.services_by_name["CustomersService"]
METHODS = tuple(each.name for each in _SERVICE.methods)


@define
class WatchedRpc(grpc.aio.ServerInterceptor):
    _journal: Journal
    _faults: Faults
    _in_flight: InFlight

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        service, _, name = handler_call_details.method.lstrip("/").partition("/")
        if handler is None or service != _SERVICE.full_name or name not in METHODS:
            return handler
        watched = self._watched(handler_call_details.method, name, handler)
        return grpc.unary_unary_rpc_method_handler(
            watched, handler.request_deserializer, handler.response_serializer
        )

    def _watched(
        self, path: str, name: str, handler: Handler
    ) -> Callable[[bytes, Context], Awaitable[object]]:
        kind = GetMessageClass(_SERVICE.methods_by_name[name].input_type)

        async def watched(raw: bytes, context: Context) -> object:
            with self._in_flight:
                request = _parsed(kind, raw)
                fault = self._faults.strike(name, _tenants(request))
                watch = _Watch(context, self._journal, _call(path, name, request), fault)
                try:
                    return await watch.struck_or_handled(raw, handler)
                finally:
                    watch.write(grpc.StatusCode.CANCELLED, "the caller has gone", is_lost=True)

        return watched


@define
class _Watch:
    """A call under way. It stands in for the call's context, so that an end is written down before
    the caller learns of it.
    """

    _context: Context
    _journal: Journal
    _call: Call
    _fault: Fault | None
    _answer: Message | None = None
    _is_written: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()
    ) -> None:
        self.write(code, details)
        await self._context.abort(code, details, trailing_metadata)

    async def struck_or_handled(self, raw: bytes, handler: Handler) -> object:
        if self._fault is None:
            return await self._handled(raw, handler)
        details = self._fault.details
        await details.wait(self._context.done)
        if not details.answers:
            return await self._handled(raw, handler)
        if details.is_late:
            await self._handled(raw, handler)
        said = f"{self._fault.id} of the test API ends this call"
        await self.abort(details.rpc_status, said)
        return None

    def write(self, code: grpc.StatusCode, details: str, *, is_lost: bool = False) -> None:
        """Writes down once what became of the call; the code is that of one without an answer."""
        if self._is_written:
            return
        self._is_written = True
        fault = None if self._fault is None else self._fault.id
        if self._answer is None:
            answer = {"code": code.name, "message": details}
            outcome = Outcome(status=code.name, answer=answer, fault=fault, is_lost=is_lost)
        else:
            is_lost = self._fault is not None and self._fault.details.is_late
            answer = MessageToDict(self._answer)
            outcome = Outcome(status="OK", answer=answer, fault=fault, is_lost=is_lost)
        told = dict(self._context.trailing_metadata() or ())
        request_id = str(told.get(REQUEST_ID, ""))
        self._journal.write(evolve(self._call, request_id=request_id), outcome)

    async def _handled(self, raw: bytes, handler: Handler) -> object:
        self._answer = await handler.unary_unary(raw, self)
        return self._answer


def _parsed(kind: type[Message], raw: bytes) -> Message | None:
    try:
        return kind.FromString(raw)
    except DecodeError:
        return None


def _tenants(request: Any) -> list[str]:
    """Those that a call names; a batch may name several."""
    if request is None:
        return []
    told = getattr(request, "orders", [request])
    return sorted({each.tenant_id for each in told if each.tenant_id})


def _call(path: str, name: str, request: Message | None) -> Call:
    return Call(
        transport="grpc",
        operation=name,
        tenants=_tenants(request),
        method="POST",
        path=path,
        body=None if request is None else MessageToDict(request),
    )
