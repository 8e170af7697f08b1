"""The router finds what aiohttp's own router finds, in one try."""

from typing import TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_urldispatcher import AbstractResource

from customers.entrypoints.http.router import Router

PATHS = (
    ("GET", "/"),
    ("GET", "/things"),
    ("POST", "/things"),
    ("GET", "/things/{id:(?!named(?:/|$))[^/]+}"),
    ("PUT", "/things/{id:(?!named(?:/|$))[^/]+}"),
    ("GET", "/things/named"),
    ("DELETE", "/things/{id:(?!named(?:/|$))[^/]+}"),
    ("GET", "/things/{id:[^/]+}/parts"),
    ("GET", "/things/{id:[^/]+}/parts/{part:[^/]+}"),
    ("POST", "/things/{id:[^/]+}/lock"),
)
REQUESTS = (
    *("/", "/things", "/things/", "/things/7", "/things/named", "/things/named/parts"),
    *("/things/7/parts", "/things/7/parts/", "/things/7/parts/8", "/things/7/parts/parts"),
    *("/things/7%2F8/parts", "/things/7/lock", "/things/7/lock/parts", "/unknown", "//things"),
    *("/things/7/parts/8/9", "/things/%7Bid%7D", "/things/%C3%BC/parts?page=2", "/lock/7/things"),
)
Dispatcher = TypeVar("Dispatcher", bound=web.UrlDispatcher)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@pytest.fixture(name="router")
def fixture_router() -> Router:
    return with_paths(Router())


def with_paths(router: Dispatcher) -> Dispatcher:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    for method, path in PATHS:
        if method == "GET":
            router.add_get(path, answer)
        else:
            router.add_route(method, path, answer)
    return router


async def what(router: web.UrlDispatcher, method: str, path: str) -> object:
    """What a router makes of a request: the route and its parameters, or the error."""
    match = await router.resolve(make_mocked_request(method, path))
    if isinstance(match.http_exception, web.HTTPMethodNotAllowed):
        return match.http_exception.status, match.http_exception.allowed_methods
    if match.http_exception is not None:
        return match.http_exception.status
    resource = match.route.resource
    assert resource is not None
    return match.route.method, resource.canonical, dict(match)


@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("method", METHODS)
async def test_it_finds_what_aiohttp_finds(router: Router, method: str, path: str) -> None:
    assert await what(router, method, path) == await what(
        with_paths(web.UrlDispatcher()), method, path
    )


@pytest.mark.parametrize("path", ["/things/7", "/things/7/parts", "/things/7/parts/8"])
async def test_only_resources_of_its_shape_are_tried(
    router: Router, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[AbstractResource]()
    for resource in router.resources():
        monkeypatch.setattr(resource, "resolve", spy(resource, tried))
    match = await router.resolve(make_mocked_request("GET", path))
    assert match.http_exception is None
    assert len(tried) == 1


def spy(resource: AbstractResource, tried: list[AbstractResource]) -> object:
    resolve = resource.resolve

    async def noted(request: web.Request) -> object:
        tried.append(resource)
        return await resolve(request)

    return noted
