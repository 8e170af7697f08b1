"""The route table: what each resource module lists, and how a route meets aiohttp."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import CustomersError
from customers.entrypoints.http.body import MOST_BYTES
from customers.entrypoints.http.errors import Form
from customers.entrypoints.http.queries import Parameter
from customers.entrypoints.http.request import RequestContext, ask
from customers.entrypoints.json.decode import Decoder, Nulls

BASE: Final = "/api/v1"
CUSTOMER: Final = "/customers/{customerId:(?!(?:batch|segments)(?:/|$))[^/]+}"
SEGMENT: Final = "/customers/segments/{segmentId:(?!preview(?:/|$))[^/]+}"
# aiohttp's own pattern for a part of a path leaves out braces, which an order id may hold.
_PART: Final = re.compile(r"\{(\w+)\}")
_ANY_TEXT: Final = r"{\1:[^/]+}"

Handler = Callable[[RequestContext], Awaitable[web.Response]]
# Gives what handles the calls of a route instead of its handler.
Around = Callable[["Route", Handler], Handler]


@frozen
class Body:
    """What a body may hold: the kind it is read as, and what null means in it."""

    kind: type[AttrsInstance]
    nulls: Nulls = Nulls.ABSENT
    is_required: bool = True


@frozen
class Route:
    """One operation: its name, its method and path, who handles it, and what is said of it.

    The path is below the base path, unless the operation is of no tenant. `answers` are the shapes
    of its bodies by status, several in a tuple; `refuses` what the core may have against it, beside
    bad input; a 201 of what `is_located` says where the new one is. The handler's docstring is what
    people are told.
    """

    operation: str
    method: str
    path: str
    handler: Handler
    answers: Mapping[int, Any]
    body: Body | None = None
    query: Sequence[Parameter] = ()
    refuses: Sequence[type[CustomersError]] = ()
    form: Form = Form.PLAIN
    is_of_tenant: bool = True
    is_located: bool = False
    most_bytes: int = MOST_BYTES

    @property
    def address(self) -> str:
        """The whole path, its parts in braces."""
        return BASE + self.path if self.is_of_tenant else self.path


ROUTE: Final = web.RequestKey("route", Route)


def add_routes(
    app: web.Application, routes: Sequence[Route], decoder: Decoder, around: Around | None = None
) -> None:
    for route in routes:
        add = app.router.add_get if route.method == "GET" else _adder(app, route.method)
        handler = route.handler if around is None else around(route, route.handler)
        add(_PART.sub(_ANY_TEXT, route.address), _bound(route, handler, decoder))


def _adder(app: web.Application, method: str) -> Callable[..., web.AbstractRoute]:
    return lambda path, handler: app.router.add_route(method, path, handler)


def _bound(
    route: Route, handler: Handler, decoder: Decoder
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    of_tenant, most_bytes = route.is_of_tenant, route.most_bytes

    async def handle(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = route
        return await handler(await ask(request, decoder, of_tenant=of_tenant, most=most_bytes))

    return handle
