"""The probes: health, readiness, liveness, metrics. None of them needs a tenant."""

import asyncio

from aiohttp import web
from attrs import evolve

from customers.core.errors import Unavailable
from customers.core.ports.storage import Storage
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.errors import (
    RETRY_LATER,
    ErrorResponse,
    Form,
    accepts_problem,
    error_response,
)
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import Metrics

SERVICE = "customers-service"
CHECK_SECONDS = 3.0


class Probes:
    name = "Probes"

    def __init__(self, storage: Storage, metrics: Metrics, drain: Drain, version: str) -> None:
        self._storage = storage
        self._metrics = metrics
        self._drain = drain
        self._version = version

    def table(self) -> list[Route]:
        healths = {200: shapes.Health, 503: shapes.Unhealthy}
        readies = {200: shapes.Ready, 503: shapes.NotReady}
        routes = [
            Route("getHealth", "GET", "/health", self.health, healths),
            Route("getReadiness", "GET", "/ready", self.ready, readies),
            Route("getLiveness", "GET", "/live", self.live, {200: shapes.Live}),
            Route("getMetrics", "GET", "/metrics", self.metrics, {200: str}),
        ]
        return [evolve(each, is_of_tenant=False) for each in routes]

    async def health(self, context: RequestContext) -> web.Response:
        """Say whether the service and its database work"""
        trouble = await self._trouble()
        said = {"service": SERVICE, "version": self._version}
        if trouble is None:
            return json_response({"status": "healthy", **said, "database": "up"})
        return _refused(
            context.request, {"status": "unhealthy", **said, "database": "down"}, trouble
        )

    async def ready(self, context: RequestContext) -> web.Response:
        """Say whether the service should get traffic"""
        if self._drain.is_stopping:
            why = "the service is about to end"
            return _refused(context.request, {"status": "stopping"}, why, code="STOPPING")
        if trouble := await self._trouble():
            return _refused(context.request, {"status": "not ready"}, trouble)
        return json_response({"status": "ready"})

    async def live(self, _: RequestContext) -> web.Response:
        """Say that the process runs"""
        return json_response({"status": "alive"})

    async def metrics(self, _: RequestContext) -> web.Response:
        """Tell the metrics in the format of Prometheus"""
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
    refusal = ErrorResponse(status=503, code=code, message=why, headers=RETRY_LATER)
    accept = ",".join(request.headers.getall("Accept", ()))
    if accepts_problem(accept):
        return error_response(refusal, Form.PLAIN, accept)
    form = {"error": why, "message": why, "code": code}
    return json_response(said | form, status=refusal.status, headers=RETRY_LATER)
