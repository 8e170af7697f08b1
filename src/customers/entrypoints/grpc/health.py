"""The gRPC health service (grpc.health.v1): SERVING while the storage is available.

`Check` checks the storage on every call; all callers of `Watch` share a check that is at most a
second old.
"""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from grpc import StatusCode
from grpc.aio import ServicerContext
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from customers.core.errors.availability import Unavailable
from customers.core.ports.storage import Storage
from customers.entrypoints.observability.logs import logger

CHECK_SECONDS = 3.0
WATCH_SECONDS = 1.0

_SERVING = HealthCheckResponse.SERVING
_NOT_SERVING = HealthCheckResponse.NOT_SERVING
_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

Context = ServicerContext[Any, Any]


class Health(HealthServicer):
    """The health of the named services, and of the whole server under the empty name."""

    def __init__(self, storage: Storage, *services: str) -> None:
        self._storage = storage
        self._services = frozenset(("", *services))
        self._stopping = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._cached_status: int = _NOT_SERVING
        self._cached_at = -WATCH_SECONDS

    def report_not_serving(self) -> None:
        """Reports NOT_SERVING from now on. Watches send their last status, and end."""
        self._stopping.set()

    async def Check(  # noqa: N802 - the names of the protocol
        self, request: HealthCheckRequest, context: Context
    ) -> HealthCheckResponse:
        if request.service not in self._services:
            await context.abort(StatusCode.NOT_FOUND, "unknown service")
        return HealthCheckResponse(status=await self._status())

    async def Watch(  # noqa: N802
        self, request: HealthCheckRequest, _: Context
    ) -> AsyncIterator[HealthCheckResponse]:
        sent = None
        while True:
            is_last = self._stopping.is_set()
            status = await self._shared_status() if request.service in self._services else _UNKNOWN
            if status != sent:
                yield HealthCheckResponse(status=status)
                sent = status
            if is_last:
                return
            await self._pause()

    async def _shared_status(self) -> int:
        async with self._refreshing:
            if monotonic() - self._cached_at >= WATCH_SECONDS:
                self._cached_status, self._cached_at = await self._status(), monotonic()
        return _NOT_SERVING if self._stopping.is_set() else self._cached_status

    async def _status(self) -> int:
        if self._stopping.is_set():
            return _NOT_SERVING
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                status = await self._storage.check()
        except (TimeoutError, Unavailable):
            return _NOT_SERVING
        except Exception:
            logger().exception("storage health check failed")
            return _NOT_SERVING
        return _NOT_SERVING if self._stopping.is_set() or status.fault else _SERVING

    async def _pause(self) -> None:
        """Waits until the next check is due, or the server stops."""
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return
