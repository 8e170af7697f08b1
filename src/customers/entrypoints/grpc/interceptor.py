"""Wraps every unary call: request id, access, admission, error statuses, log and metrics.

Once the door has let in a call for one tenant, it runs to its end, even if its caller disconnects.

Streams (watching the health, reflection) are not measured: they last as long as the caller likes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import ServicerContext

from customers.core.errors import CustomersError
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.admission.door import Door
from customers.entrypoints.grpc.access import RpcAccess, choose_tenant, principal_of_call
from customers.entrypoints.grpc.errors import MALFORMED, abort, status_of
from customers.entrypoints.observability.logs import RequestScope, log_call, logger
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_kinds import access_refusal, refusal_kind
from customers.entrypoints.observability.request_id import request_id_of

REQUEST_ID = "x-request-id"

# Machines call this method every few seconds, so it is logged at debug, except server errors.
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVER_FAULTS = (StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.UNKNOWN)

Context = ServicerContext[Any, Any]
Handler = Any  # grpc's type of a handler does not cover asyncio
Stream = Callable[[AsyncIterator[object], Context], AsyncIterator[object]]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class Interceptor(grpc.aio.ServerInterceptor):
    def __init__(
        self,
        metrics: Metrics,
        access: RpcAccess,
        door: Door,
        background_tasks: BackgroundTasks,
    ) -> None:
        self._metrics = metrics
        self._access = access
        self._door = door
        self._background_tasks = background_tasks

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            self._metrics.rpc_started()
            self._finish(None, StatusCode.UNIMPLEMENTED, perf_counter())
            return None
        method = handler_call_details.method
        if handler.request_streaming or handler.response_streaming:
            return self._streaming(method, handler)
        surrounded = self._surround(method, handler)
        # Without a deserializer we get the bytes. gRPC itself would answer a malformed request with
        # the parser's own error text.
        return grpc.unary_unary_rpc_method_handler(surrounded, None, handler.response_serializer)

    def _surround(
        self, method: str, handler: Handler
    ) -> Callable[[bytes, Context], Awaitable[object]]:
        async def surrounded(raw: bytes, context: Context) -> object:
            request_id = _request_id(context)
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            with RequestScope(request_id):
                response = self._respond(method, raw, context, handler)
                return await self._measured(method, response, context)

        return surrounded

    async def _measured(self, method: str, response: Awaitable[object], context: Context) -> object:
        """The response; the call is counted and logged, however it ends."""
        started, code = perf_counter(), None
        self._metrics.rpc_started()
        try:
            answer = await response
            code = StatusCode.OK
            return answer
        except asyncio.CancelledError:
            is_late = context.time_remaining() == 0
            code = StatusCode.DEADLINE_EXCEEDED if is_late else StatusCode.CANCELLED
            raise
        finally:
            # An aborted call has its code in the context.
            self._finish(method, code or context.code(), started)

    def _finish(self, method: str | None, code: StatusCode, started: float) -> None:
        """Counts and logs a call that has ended."""
        seconds, is_error = perf_counter() - started, code in _SERVER_FAULTS
        self._metrics.rpc_finished(method=method, code=code.name, seconds=seconds)
        values = {"method": method.lstrip("/") if method else "unmatched", "code": code.name}
        log_call("call", values, seconds, is_error=is_error, is_probe=method == _HEALTH_CHECK)

    def _streaming(self, method: str, handler: Handler) -> Handler:
        """The handler of a stream. If requests are streamed as well (reflection), it first checks
        access; watching the health is open to everybody.
        """
        if handler.stream_stream is None:
            return handler
        return grpc.stream_stream_rpc_method_handler(
            self._guarded(method, handler.stream_stream),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _guarded(self, method: str, stream: Stream) -> Stream:
        async def guarded(
            requests: AsyncIterator[object], context: Context
        ) -> AsyncIterator[object]:
            try:
                await self._access.admit(method, context)
            except CustomersError as error:
                self._count_refusal(error)
                await abort(context, status_of(error))
            async for response in stream(requests, context):
                yield response

        return guarded

    async def _respond(self, method: str, raw: bytes, context: Context, handler: Handler) -> object:
        """The handler's response; an error that it raises ends the call with a status."""
        try:
            await self._access.admit(method, context)
            request = await _request(raw, context, handler)
            with self._door.deadline():
                return await self._handle(request, context, handler)
        except Exception as error:
            if context.done():  # an abort has already ended the call
                raise
            self._count_refusal(error)
            await abort(context, status_of(error))

    def _count_refusal(self, error: Exception) -> None:
        if (kind := refusal_kind(error)) is not None:
            self._metrics.refused(kind)
        if (reason := access_refusal(error)) is not None:
            self._metrics.access_refused(reason)
            logger().warning("access refused", cause=reason, detail=str(error))

    async def _handle(self, request: Any, context: Context, handler: Handler) -> object:
        """The handler's response. A call for one tenant first has to be let in by the door."""
        tenant_id: str | None = getattr(request, "tenant_id", None)
        if tenant_id is None:
            return await handler.unary_unary(request, context)
        choose_tenant(request, principal_of_call())
        tenant_id = request.tenant_id
        await self._door.enter(tenant_id)
        response = handler.unary_unary(request, context)
        return await self._background_tasks.run(self._inside(tenant_id, response))

    async def _inside(self, tenant_id: str, response: Awaitable[object]) -> object:
        try:
            return await response
        finally:
            self._door.leave(tenant_id)


async def _request(raw: bytes, context: Context, handler: Handler) -> Any:
    """The request of a call. A call that is too late or cannot be parsed is aborted."""
    if context.time_remaining() == 0:
        message = "the deadline expired before the call started"
        await context.abort(StatusCode.DEADLINE_EXCEEDED, message)
    try:
        return handler.request_deserializer(raw)
    except DecodeError:
        await abort(context, MALFORMED)


def _request_id(context: Context) -> str:
    metadata = context.invocation_metadata() or ()
    return request_id_of(str(next((value for key, value in metadata if key == REQUEST_ID), "")))
