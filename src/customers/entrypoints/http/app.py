"""The HTTP application: every route table in one place, framed."""

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from customers.entrypoints.http.bodies import DRAIN, MOST_BYTES
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.frame import frame
from customers.entrypoints.http.routes import Route, add_routes
from customers.entrypoints.metrics import Metrics
from customers.entrypoints.wire.reading import Reader


class Resource(Protocol):
    @property
    def name(self) -> str:
        """What the resource is called."""
        ...

    def table(self) -> list[Route]:
        """The routes of one resource."""
        ...


def application(
    resources: Sequence[Resource],
    reader: Reader,
    metrics: Metrics,
    drain: Drain,
) -> web.Application:
    app = web.Application(middlewares=[frame(metrics, drain)], client_max_size=MOST_BYTES)
    app[DRAIN] = drain
    add_routes(app, [route for each in resources for route in each.table()], reader)
    return app
