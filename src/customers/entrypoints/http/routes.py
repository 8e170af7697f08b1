"""The route table: what each resource module lists, and how a route meets aiohttp."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from attrs import frozen

from customers.entrypoints.http.asking import Asked, ask
from customers.entrypoints.http.refusals import Form
from customers.entrypoints.wire.reading import Reader

BASE: Final = "/api/v1"
CUSTOMER: Final = "/customers/{customerId:(?!(?:batch|segments)(?:/|$))[^/]+}"
SEGMENT: Final = "/customers/segments/{segmentId}"
FORM: Final = web.RequestKey("form", Form)

# aiohttp's own pattern for a part of a path leaves out braces, which an order id may hold.
_PART: Final = re.compile(r"\{(\w+)\}")
_ANY_TEXT: Final = r"{\1:[^/]+}"

Handler = Callable[[Asked], Awaitable[web.Response]]


@frozen
class Route:
    """A method on a path below the base path, its handler and its error form."""

    method: str
    path: str
    handler: Handler
    form: Form = Form.PLAIN


def add_routes(app: web.Application, routes: list[Route], reader: Reader) -> None:
    for route in routes:
        add = app.router.add_get if route.method == "GET" else _adder(app, route.method)
        add(BASE + _PART.sub(_ANY_TEXT, route.path), _bound(route, reader))


def _adder(app: web.Application, method: str) -> Callable[..., web.AbstractRoute]:
    return lambda path, handler: app.router.add_route(method, path, handler)


def _bound(route: Route, reader: Reader) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        request[FORM] = route.form
        return await route.handler(await ask(request, reader))

    return handle
