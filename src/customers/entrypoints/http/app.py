"""The HTTP application: every route table in one place, framed."""

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from customers.entrypoints.http.body import DRAIN, MOST_BYTES
from customers.entrypoints.http.documentation import Documents
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.middleware import middleware
from customers.entrypoints.http.routes import Handler, Route, add_routes
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.observability.metrics import Metrics


class Resource(Protocol):
    @property
    def name(self) -> str:
        """What the resource is called."""
        ...

    def table(self) -> list[Route]:
        """The routes of one resource."""
        ...


class Watched(Protocol):
    def middleware(self) -> Middleware:
        """What stands around everything."""
        ...

    def around(self, route: Route, handler: Handler) -> Handler:
        """What handles the calls of a route instead."""
        ...


def application(
    resources: Sequence[Resource],
    *,
    decoder: Decoder,
    metrics: Metrics,
    drain: Drain,
    documents: Documents,
    watched: Watched | None = None,
) -> web.Application:
    """The application. Who watches it stands around its frame and around every handler."""
    outside = [] if watched is None else [watched.middleware()]
    app = web.Application(
        middlewares=[*outside, middleware(metrics, drain)], client_max_size=MOST_BYTES
    )
    app[DRAIN] = drain
    documents.add_to(app)
    routes = [route for each in resources for route in each.table()]
    add_routes(app, routes, decoder, None if watched is None else watched.around)
    return app
