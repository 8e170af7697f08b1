"""What surrounds every unary call: request id, admission, error statuses, log line and metrics.

A call of a tenant that has been let in runs to its end, even when its caller disconnects.

Streams (watching the health, reflection) are not measured: they last as long as the caller likes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc.aio import ServicerContext

from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.admission.door import Door
from customers.entrypoints.grpc.errors import MALFORMED, abort, status_of
from customers.entrypoints.observability.logs import RequestScope, log_call
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_kinds import refusal_kind
from customers.entrypoints.observability.request_id import request_id_of

REQUEST_ID = "x-request-id"

# Machines call it every few seconds: it is logged at debug.
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVER_FAULTS = (StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.UNKNOWN)

Context = ServicerContext[Any, Any]
Handler = Any  # grpc's type of a handler does not cover asyncio
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class Interceptor(grpc.aio.ServerInterceptor):
    def __init__(self, metrics: Metrics, door: Door, background_tasks: BackgroundTasks) -> None:
        self._metrics = metrics
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
        if handler.request_streaming or handler.response_streaming:
            return handler
        surrounded = self._surround(handler_call_details.method, handler)
        # Without a deserializer we get the bytes: gRPC would answer with the parser's own words.
        return grpc.unary_unary_rpc_method_handler(surrounded, None, handler.response_serializer)

    def _surround(
        self, method: str, handler: Handler
    ) -> Callable[[bytes, Context], Awaitable[object]]:
        async def surrounded(raw: bytes, context: Context) -> object:
            request_id = _request_id(context)
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            with RequestScope(request_id):
                response = self._respond(raw, context, handler)
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

    async def _respond(self, raw: bytes, context: Context, handler: Handler) -> object:
        """The handler's response; an error that it raises ends the call with a status."""
        try:
            request = await _request(raw, context, handler)
            with self._door.deadline():
                return await self._handle(request, context, handler)
        except Exception as error:
            if context.done():  # an abort has already ended the call
                raise
            if (kind := refusal_kind(error)) is not None:
                self._metrics.refused(kind)
            await abort(context, status_of(error))

    async def _handle(self, request: Any, context: Context, handler: Handler) -> object:
        """The handler's response; a call of one tenant is let in first."""
        tenant_id: str | None = getattr(request, "tenant_id", None)
        if tenant_id is None:
            return await handler.unary_unary(request, context)
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
