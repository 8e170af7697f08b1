"""What surrounds every unary call: request id, error statuses, log line and metrics.

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
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

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
                return await self._measured(method, self._respond(raw, context, handler), context)

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

    async def _respond(self, raw: bytes, context: Context, handler: Handler) -> object:
        """The handler's response; an error that it raises ends the call with a status."""
        try:
            return await _handle(raw, context, handler)
        except Exception as error:
            if context.done():  # an abort has already ended the call
                raise
            if (kind := refusal_kind(error)) is not None:
                self._metrics.refused(kind)
            await abort(context, status_of(error))

    def _finish(self, method: str | None, code: StatusCode, started: float) -> None:
        """Counts and logs a call that has ended."""
        seconds, is_error = perf_counter() - started, code in _SERVER_FAULTS
        self._metrics.rpc_finished(method=method, code=code.name, seconds=seconds)
        values = {"method": method.lstrip("/") if method else "unmatched", "code": code.name}
        log_call("call", values, seconds, is_error=is_error, is_probe=method == _HEALTH_CHECK)


async def _handle(raw: bytes, context: Context, handler: Handler) -> object:
    if context.time_remaining() == 0:
        message = "the deadline expired before the call started"
        await context.abort(StatusCode.DEADLINE_EXCEEDED, message)
    try:
        request = handler.request_deserializer(raw)
    except DecodeError:
        await abort(context, MALFORMED)
    return await handler.unary_unary(request, context)


def _request_id(context: Context) -> str:
    metadata = context.invocation_metadata() or ()
    return request_id_of(str(next((value for key, value in metadata if key == REQUEST_ID), "")))
