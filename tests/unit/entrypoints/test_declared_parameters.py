"""What a route declares is what its handler uses: seen while a whole session is played."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.queries import Parameter, Query
from customers.entrypoints.http.request import Nothing, RequestContext
from customers.entrypoints.http.routes import ROUTE, Route
from customers.entrypoints.json.decode import Nulls
from tests.support.builders import USD
from tests.support.memory_service import memory_service
from tests.support.scenarios.playback import answers_of

Seen = dict[str, set[Any]]


def routes() -> list[Route]:
    container = Container(settings=Settings(storage="memory", data_dir=Path("unused")), dsn="")
    return [route for each in container.resources() for route in each.table()]


@pytest.fixture
def queried(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The names of the parameters that each operation has read."""
    seen, of = defaultdict[str, set[Any]](set), dict[int, str]()
    query, has, raw, many = RequestContext.query, Query.has, Query.raw, Query.many

    def context(self: RequestContext) -> Query:
        made = query(self)
        of[id(made)] = _operation(self.request)
        kept.append(made)  # so that no other one gets its id
        return made

    def noting(reading: Any) -> Any:
        def read(self: Query, parameter: Parameter) -> Any:
            seen[of[id(self)]].add(parameter.name)
            return reading(self, parameter)

        return read

    kept: list[Query] = []
    monkeypatch.setattr(RequestContext, "query", context)
    for name, reading in (("has", has), ("raw", raw), ("many", many)):
        monkeypatch.setattr(Query, name, noting(reading))
    return seen


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The kinds, with what null means, that each operation has read its body as."""
    seen, read = defaultdict[str, set[Any]](set), RequestContext.read

    def noting(self: RequestContext, kind: Any, **told: Any) -> Any:
        if kind is not Nothing:
            seen[_operation(self.request)].add((kind, told.get("nulls", Nulls.ABSENT)))
        return read(self, kind, **told)

    monkeypatch.setattr(RequestContext, "read", noting)
    return seen


def _operation(request: web.Request) -> str:
    return request[ROUTE].operation


async def test_every_parameter_that_is_declared_is_read_and_no_other(queried: Seen) -> None:
    async with memory_service(MemoryStorage(currency=USD), clock=None) as service:
        await answers_of(service.api)
    declared = {each.operation: {one.name for one in each.query} for each in routes()}
    for operation, names in declared.items():
        assert queried.get(operation, set()) == names, operation


async def test_every_body_is_read_as_what_is_declared(bodies: Seen) -> None:
    async with memory_service(MemoryStorage(currency=USD), clock=None) as service:
        await answers_of(service.api)
    for each in routes():
        told = set() if each.body is None else {(each.body.kind, each.body.nulls)}
        assert bodies.get(each.operation, set()) == told, each.operation
