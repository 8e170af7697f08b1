"""The HTTP application: all routes, bound to aiohttp, inside the middleware."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware
from attrs import evolve

from customers.core.model.principal import ANYONE, Principal
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.admission.door import Door
from customers.entrypoints.http.body import DRAIN
from customers.entrypoints.http.caller import HttpCaller
from customers.entrypoints.http.documentation import Documents
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.expectation import answer_expectation, leave_expectation
from customers.entrypoints.http.index import add_index
from customers.entrypoints.http.input import with_input
from customers.entrypoints.http.middleware import RequestMiddleware
from customers.entrypoints.http.request import Deployment, RequestContext, receive
from customers.entrypoints.http.request_line import check_address
from customers.entrypoints.http.router import Router
from customers.entrypoints.http.routes import ROUTE, Handler, Route
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.observability.metrics import Metrics

# aiohttp's own pattern for a path parameter excludes braces, which an order id may contain.
_PART: Final = re.compile(r"\{(\w+)\}")
_ANY_TEXT: Final = r"{\1:[^/]+}"


class Resource(Protocol):
    @property
    def name(self) -> str:
        """The tag of the routes in OpenAPI."""
        ...

    def table(self) -> list[Route]:
        """The routes of the resource."""
        ...


class Observer(Protocol):
    """Sees every call, and may answer it instead of the route."""

    @property
    def middleware(self) -> Middleware:
        """The middleware that wraps all others."""
        ...

    def around(self, route: Route, handler: Handler) -> Handler:
        """A handler around `handler`, which reads the input and calls the handler of the route."""
        ...


def application(
    resources: Sequence[Resource],
    *,
    decoder: Decoder,
    metrics: Metrics,
    drain: Drain,
    door: Door,
    guard: Guard,
    documents: Documents,
    version: str,
    deployment: Deployment,
    observer: Observer | None = None,
) -> web.Application:
    """The application with all routes.

    Raises ValueError for a route that does not say who may call it.
    """
    outermost = [] if observer is None else [observer.middleware]
    routes = [route for resource in resources for route in resource.table()]
    probes = frozenset(route.address for route in routes if route.is_probe)
    inner = RequestMiddleware(metrics, drain, guard, probes).handle
    app = web.Application(middlewares=[*outermost, inner])
    app._router = Router()  # the parameter of the constructor is deprecated
    app[DRAIN] = drain
    add_index(app, version, documents.guarded)
    documents.add_to(app)
    for route in routes:
        handler = with_input(route, decoder)
        if observer is not None:
            handler = observer.around(route, handler)
        admitted = _admitted(handler, door) if route.is_of_tenant else handler
        _add(app, route, _bound(route, admitted, guard, deployment))
    return app


def probe_application(
    probes: Resource,
    *,
    decoder: Decoder,
    metrics: Metrics,
    drain: Drain,
    guard: Guard,
    deployment: Deployment,
) -> web.Application:
    """An application with the probes alone, open to everybody, for a port of its own."""
    routes = [evolve(route, is_open=True) for route in probes.table()]
    paths = frozenset(route.address for route in routes)
    app = web.Application(middlewares=[RequestMiddleware(metrics, drain, guard, paths).handle])
    app[DRAIN] = drain
    for route in routes:
        _add(app, route, _bound(route, with_input(route, decoder), guard, deployment))
    return app


Bound = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _add(app: web.Application, route: Route, bound: Bound) -> None:
    path = _PART.sub(_ANY_TEXT, route.address)
    if route.method == "GET":
        app.router.add_get(path, bound, expect_handler=leave_expectation)
    else:
        app.router.add_route(route.method, path, bound, expect_handler=leave_expectation)


def _admitted(handler: Handler, door: Door) -> Handler:
    """A handler that waits until the door lets the request in, then calls `handler`."""

    def handle(context: RequestContext) -> Awaitable[web.Response]:
        return door.serve(context.named_tenant, handler, context)

    return handle


def _bound(route: Route, handler: Handler, guard: Guard, deployment: Deployment) -> Bound:
    """The handler that aiohttp calls: admits the caller, reads the request, and handles it."""
    below_base, of_tenant = route.is_of_tenant, route.reads_tenant
    admit, limit, room = _admission(route, guard), route.body_limit, route.room

    async def handle(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = route
        principal = await admit(HttpCaller(request))
        if below_base:
            check_address(request)
        if "Expect" in request.headers:
            await answer_expectation(request, limit)
        if room is None:
            return await respond(request, principal)
        with room(deployment.tenants.read(request, None, principal)):
            return await respond(request, principal)

    async def respond(request: web.Request, principal: Principal) -> web.StreamResponse:
        context = await receive(
            request,
            principal,
            of_tenant=of_tenant,
            max_bytes=limit,
            deployment=deployment,
            media_type=route.media_type,
        )
        return await handler(context)

    return handle


def _admission(route: Route, guard: Guard) -> Callable[[HttpCaller], Awaitable[Principal]]:
    """The function that admits a caller of the route and returns the principal.

    Raises ValueError if the route does not say who may call it.
    """
    if route.is_open:
        return _anyone
    if route.is_for_shoppers:
        return guard.admit_shopper
    own, other = route.own_permission, route.query_permission
    if other is None:
        return lambda caller: guard.admit(caller, own)
    return lambda caller: guard.admit(
        caller, other.permission if other.applies_to(caller.query) else own
    )


async def _anyone(_: HttpCaller) -> Principal:
    return ANYONE
