"""Finds the route of a request by the shape of its path.

aiohttp tries, in turn, all resources that begin with the same fixed parts: most of ours, whose
paths begin with the id of a customer. Here only those are tried that have as many parts as the
path, and the same last part or a parameter in its place.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractResource, MatchInfoError

from customers.entrypoints.http.expectation import leave_expectation

_PARAMETER: Final = "{}"
"""Stands for a parameter as the last part of a path."""


class Router(web.UrlDispatcher):
    """The router of an application. A parameter of a path must not match a slash."""

    def __init__(self) -> None:
        super().__init__()
        self._by_shape = defaultdict[tuple[int, str], list[AbstractResource]](list)

    def register_resource(self, resource: AbstractResource) -> None:
        super().register_resource(resource)
        path = resource.canonical
        last = path.rpartition("/")[2]
        shape = path.count("/"), _PARAMETER if "{" in last else last
        self._by_shape[shape].append(resource)

    async def resolve(self, request: web.Request) -> web.UrlMappingMatchInfo:
        path = request.rel_url.path_safe
        slashes = path.count("/")
        for last in (path.rpartition("/")[2], _PARAMETER):
            for resource in self._by_shape.get((slashes, last), ()):
                match, _ = await resource.resolve(request)
                if match is not None:
                    return match
        match = await super().resolve(request)  # finds the error: 404, or 405 with all methods
        return match if (error := match.http_exception) is None else _NoRoute(error)


class _NoRoute(MatchInfoError):
    """An unknown path or a wrong method. Its error is the answer, whatever the caller expects."""

    @property
    def expect_handler(self) -> Callable[[web.Request], Awaitable[None]]:
        return leave_expectation
