"""The probes: health, readiness, liveness, metrics. They need no tenant."""

import asyncio
from typing import Any, Self

from aiohttp import web
from attrs import evolve, frozen

from customers.core.errors.availability import StorageFault, Unavailable
from customers.core.model.permissions import Permission
from customers.core.ports.storage import SchemaRevision, Storage, StorageStatus
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.errors import (
    RETRY_LATER,
    ErrorFormat,
    ErrorResponse,
    accepts_problem,
    error_response,
)
from customers.entrypoints.http.index import SERVICE
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import Metrics

CHECK_SECONDS = 3.0

# With these kinds of faults the database counts as up, because it has answered.
_KINDS_WITH_ANSWER: frozenset[str] = frozenset(
    (
        "disk_full",
        "locked",
        "no_permission",
        "out_of_memory",
        "schema_mismatch",
        "statement_timeout",
    )
)


@frozen(kw_only=True)
class StorageHealth:
    """The health of the storage. `is_up` is whether it answers; `problem` says why it cannot be
    used, `limitation` what it cannot do, and `schema` the revision of a database that has answered.
    """

    is_up: bool
    problem: str | None
    limitation: str | None = None
    schema: SchemaRevision | None = None

    @classmethod
    def of(cls, status: StorageStatus) -> Self:
        """The health of a storage that answered with this status."""
        problem, limitation = _sentence(status.fault), _sentence(status.limitation)
        return cls(is_up=True, problem=problem, limitation=limitation, schema=status.schema)


class Probes:
    name = "Probes"

    def __init__(
        self,
        storage: Storage,
        metrics: Metrics,
        drain: Drain,
        version: str,
        *,
        metrics_are_public: bool,
    ) -> None:
        """Where the metrics are not public, callers need the permission service:observe."""
        self._storage = storage
        self._metrics = metrics
        self._drain = drain
        self._version = version
        self._metrics_are_public = metrics_are_public

    def table(self) -> list[Route]:
        healths = {200: shapes.Health, 503: shapes.Unhealthy}
        readies = {200: shapes.Ready, 503: shapes.NotReady}
        open_routes = [
            Route("getHealth", "GET", "/health", self.health, healths),
            Route("getReadiness", "GET", "/ready", self.ready, readies),
            Route("getLiveness", "GET", "/live", self.live, {200: shapes.Live}),
        ]
        metrics = Route(
            "getMetrics",
            "GET",
            "/metrics",
            self.metrics,
            {200: str},
            permission=Permission.SERVICE_OBSERVE,
            is_open=self._metrics_are_public,
        )
        routes = [*(evolve(route, is_open=True) for route in open_routes), metrics]
        return [evolve(route, is_of_tenant=False, is_probe=True) for route in routes]

    async def health(self, context: RequestContext) -> web.Response:
        """Check health

        Whether the service and its database work, and which revision the database schema has.
        """
        health = await self._storage_health()
        problem = health.problem or health.limitation
        body = {
            "status": "unhealthy" if problem else "healthy",
            "service": SERVICE,
            "version": self._version,
            "database": "up" if health.is_up else "down",
            **_schema(health.schema),
        }
        if problem is None:
            return json_response(body)
        return _unavailable(context.request, body, problem)

    async def ready(self, context: RequestContext) -> web.Response:
        """Check readiness

        Whether the service is ready for traffic.
        """
        if self._drain.is_stopping:
            message = "the service is stopping"
            return _unavailable(context.request, {"status": "stopping"}, message, code="STOPPING")
        if problem := (await self._storage_health()).problem:
            return _unavailable(context.request, {"status": "not ready"}, problem)
        return json_response({"status": "ready"})

    async def live(self, _: RequestContext) -> web.Response:
        """Check liveness

        Whether the process runs.
        """
        return json_response({"status": "alive"})

    async def metrics(self, _: RequestContext) -> web.Response:
        """Get metrics

        The metrics of the service, in the Prometheus format.
        """
        text, content_type = self._metrics.render()
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _storage_health(self) -> StorageHealth:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                status = await self._storage.check()
        except Unavailable as error:
            is_up = error.fault is not None and error.fault.kind in _KINDS_WITH_ANSWER
            return StorageHealth(is_up=is_up, problem=str(error.fault or error))
        except TimeoutError:
            return StorageHealth(is_up=False, problem="the storage does not answer in time")
        except Exception:
            logger().exception("storage check failed")
            reason = "the storage cannot be used; the reason has been logged"
            return StorageHealth(is_up=False, problem=reason)
        return StorageHealth.of(status)


def _sentence(fault: StorageFault | None) -> str | None:
    return None if fault is None else str(fault)


def _schema(schema: SchemaRevision | None) -> dict[str, Any]:
    if schema is None:
        return {}
    return {"schema": {"is": schema.current, "needs": schema.needed}}


def _unavailable(
    request: web.Request, body: dict[str, Any], message: str, code: str = Unavailable.code
) -> web.Response:
    """A 503 response: the body of the probe with the keys of an error, or a problem document if the
    caller accepts one.
    """
    error = ErrorResponse(status=503, code=code, message=message, headers=RETRY_LATER)
    accept = ",".join(request.headers.getall("Accept", ()))
    if accepts_problem(accept):
        return error_response(error, ErrorFormat.PLAIN, accept)
    return json_response(
        body | {"error": message, "message": message, "code": code},
        status=error.status,
        headers=RETRY_LATER,
    )
