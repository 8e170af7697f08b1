"""The probes: health, readiness, liveness, metrics. None of them needs a tenant."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from customers.core.errors import Unavailable
from customers.core.ports import Storage
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.logs import logger
from customers.entrypoints.metrics import Metrics

SERVICE = "customers-service"
CHECK_SECONDS = 3.0


class Probes:
    def __init__(self, storage: Storage, metrics: Metrics, drain: Drain, version: str) -> None:
        self._storage = storage
        self._metrics = metrics
        self._drain = drain
        self._version = version

    def add_to(self, app: web.Application) -> None:
        handlers: dict[str, Callable[[web.Request], object]] = {
            "/health": self.health,
            "/ready": self.ready,
            "/live": self.live,
            "/metrics": self.metrics,
        }
        for path, handler in handlers.items():
            app.router.add_get(path, handler)  # type: ignore[arg-type]

    async def health(self, _: web.Request) -> web.Response:
        down = await self._trouble()
        said = {"service": SERVICE, "version": self._version}
        if down is None:
            return answer({"status": "healthy", **said, "database": "up"})
        return answer({"status": "unhealthy", **said, "database": "down"}, status=503)

    async def ready(self, _: web.Request) -> web.Response:
        if self._drain.is_stopping:
            return answer({"status": "stopping"}, status=503)
        down = await self._trouble()
        if down is None:
            return answer({"status": "ready"})
        return answer({"status": "not ready", "reason": down}, status=503)

    async def live(self, _: web.Request) -> web.Response:
        return answer({"status": "alive"})

    async def metrics(self, _: web.Request) -> web.Response:
        text, content_type = self._metrics.render()
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _trouble(self) -> str | None:
        """Why the storage cannot serve, None when it can."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._storage.check()
        except Unavailable as error:
            return str(error)
        except TimeoutError:
            return "the storage does not answer in time"
        except Exception:
            logger().exception("the storage cannot be used")
            return "the storage cannot be used; why has been logged"
        return None
