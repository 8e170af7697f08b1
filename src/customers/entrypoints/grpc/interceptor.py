"""What surrounds every call: its id, refusals, line in the log, and metrics.

Calls of one message and one answer, that is. A stream (watching the health, asking for the
descriptors) lasts as long as its caller likes, which says nothing about us.
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
from customers.entrypoints.observability.logs import RequestScope, logger
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.request_id import request_id_of

REQUEST_ID = "x-request-id"

_OUR_FAULT = (StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.UNKNOWN)

Context = ServicerContext[Any, Any]
Handler = Any  # the published type of a handler knows no asyncio


class Interceptor(grpc.aio.ServerInterceptor):
    """The one interceptor."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            self._metrics.rpc_started()
            self._finished(None, StatusCode.UNIMPLEMENTED, perf_counter())
            return None
        if handler.request_streaming or handler.response_streaming:
            return handler
        framed = self._framed(handler_call_details.method, handler)
        # The bytes are parsed inside the frame: gRPC would answer with the parser's own words.
        return grpc.unary_unary_rpc_method_handler(framed, None, handler.response_serializer)

    def _framed(
        self, method: str, handler: Handler
    ) -> Callable[[bytes, Context], Awaitable[object]]:
        async def framed(raw: bytes, context: Context) -> object:
            started, code = perf_counter(), None
            self._metrics.rpc_started()
            request_id = _request_id(context)
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            with RequestScope(request_id):
                try:
                    answer = await _answered(raw, context, handler)
                    code = StatusCode.OK
                    return answer
                except asyncio.CancelledError:
                    is_late = context.time_remaining() == 0
                    code = StatusCode.DEADLINE_EXCEEDED if is_late else StatusCode.CANCELLED
                    raise
                finally:
                    # The context knows how a call was ended, though its caller may not learn it.
                    self._finished(method, code or context.code(), started)

        return framed

    def _finished(self, method: str | None, code: StatusCode, started: float) -> None:
        seconds = perf_counter() - started
        self._metrics.rpc_finished(method=method, code=code.name, seconds=seconds)
        write = logger().error if code in _OUR_FAULT else logger().info
        write(
            "call",
            method=method.lstrip("/") if method else "unmatched",
            code=code.name,
            duration_ms=round(seconds * 1000, 3),
        )


async def _answered(raw: bytes, context: Context, handler: Handler) -> object:
    """What the handler answers; what it refuses ends the call with a status."""
    try:
        return await _handled(raw, context, handler)
    except Exception as error:
        if context.done():  # the call has been ended on the way here
            raise
        await abort(context, status_of(error))


async def _handled(raw: bytes, context: Context, handler: Handler) -> object:
    if context.time_remaining() == 0:
        await context.abort(StatusCode.DEADLINE_EXCEEDED, "the time was over before the call began")
    try:
        request = handler.request_deserializer(raw)
    except DecodeError:
        await abort(context, MALFORMED)
    return await handler.unary_unary(request, context)


def _request_id(context: Context) -> str:
    told = (value for key, value in context.invocation_metadata() or () if key == REQUEST_ID)
    return request_id_of(str(next(told, "")))
