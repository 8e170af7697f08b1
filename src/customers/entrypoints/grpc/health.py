"""The health of the service as grpc.health.v1 tells it: serving while the storage answers.

Whether the storage answers is asked when somebody asks us, so an answer is never older than the
question; those who watch share a look that is at most a second old.
"""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from grpc import StatusCode
from grpc.aio import ServicerContext
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from customers.core.errors import Unavailable
from customers.core.ports.storage import Storage
from customers.entrypoints.observability.logs import logger

CHECK_SECONDS = 3.0
WATCH_SECONDS = 1.0

_SERVING = HealthCheckResponse.SERVING
_NOT_SERVING = HealthCheckResponse.NOT_SERVING
_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

Context = ServicerContext[Any, Any]


class Health(HealthServicer):
    """The health of the services named, and of the server as a whole, whose name is empty."""

    def __init__(self, storage: Storage, *services: str) -> None:
        self._storage = storage
        self._services = frozenset(("", *services))
        self._stopping = asyncio.Event()
        self._looking = asyncio.Lock()
        self._seen: int = _NOT_SERVING
        self._seen_at = -WATCH_SECONDS

    def stop(self) -> None:
        """From now on not serving, whatever the storage says; who watches is told, and let go."""
        self._stopping.set()

    async def Check(  # noqa: N802 - the names of the protocol
        self, request: HealthCheckRequest, context: Context
    ) -> HealthCheckResponse:
        if request.service not in self._services:
            await context.abort(StatusCode.NOT_FOUND, "there is no such service")
        return HealthCheckResponse(status=await self._look())

    async def Watch(  # noqa: N802
        self, request: HealthCheckRequest, _: Context
    ) -> AsyncIterator[HealthCheckResponse]:
        told = None
        while True:
            is_last = self._stopping.is_set()
            status = await self._glance() if request.service in self._services else _UNKNOWN
            if status != told:
                yield HealthCheckResponse(status=status)
                told = status
            if is_last:
                return
            await self._pause()

    async def _glance(self) -> int:
        async with self._looking:
            if monotonic() - self._seen_at >= WATCH_SECONDS:
                self._seen, self._seen_at = await self._look(), monotonic()
        return _NOT_SERVING if self._stopping.is_set() else self._seen

    async def _look(self) -> int:
        if self._stopping.is_set():
            return _NOT_SERVING
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._storage.check()
        except (TimeoutError, Unavailable):
            return _NOT_SERVING
        except Exception:
            logger().exception("the storage cannot be used")
            return _NOT_SERVING
        return _NOT_SERVING if self._stopping.is_set() else _SERVING

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return
