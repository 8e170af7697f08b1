"""The probes: health, readiness, liveness, metrics. None of them needs a tenant."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from customers.core.errors import Unavailable
from customers.core.ports import Storage
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.refusals import (
    RETRY_LATER,
    Form,
    Refusal,
    accepts_problem,
    answer_refusal,
)
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

    async def health(self, request: web.Request) -> web.Response:
        trouble = await self._trouble()
        said = {"service": SERVICE, "version": self._version}
        if trouble is None:
            return answer({"status": "healthy", **said, "database": "up"})
        return _refused(request, {"status": "unhealthy", **said, "database": "down"}, trouble)

    async def ready(self, request: web.Request) -> web.Response:
        if self._drain.is_stopping:
            why = "the service is about to end"
            return _refused(request, {"status": "stopping"}, why, code="STOPPING")
        if trouble := await self._trouble():
            return _refused(request, {"status": "not ready"}, trouble)
        return answer({"status": "ready"})

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


def _refused(
    request: web.Request, said: dict[str, str], why: str, code: str = Unavailable.code
) -> web.Response:
    """What the probe says, in the form of every error."""
    refusal = Refusal(status=503, code=code, message=why, headers=RETRY_LATER)
    accept = ",".join(request.headers.getall("Accept", ()))
    if accepts_problem(accept):
        return answer_refusal(refusal, Form.PLAIN, accept)
    form = {"error": why, "message": why, "code": code}
    return answer(said | form, status=refusal.status, headers=RETRY_LATER)
