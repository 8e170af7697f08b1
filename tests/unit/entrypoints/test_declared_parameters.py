"""Handlers take the input that their routes declare, and use every parameter of a query."""

from collections import defaultdict
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.query import Query, readers_of
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import Route
from tests.support.builders import USD
from tests.support.memory_service import memory_service
from tests.support.scenarios.playback import answers_of


def routes() -> list[Route]:
    settings = Settings(storage="memory", test_api=True, data_dir=Path("unused"))
    container = Container(settings=settings, dsn="")
    test_api = container.test_api()
    assert test_api is not None
    resources = [*container.resources(), test_api.routes]
    return [route for resource in resources for route in resource.table()]


ROUTES = routes()
QUERY_CLASSES = {route.query for route in ROUTES if route.query is not None and route.is_of_tenant}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_handler_takes_the_body_and_the_query_of_its_route(route: Route) -> None:
    declared: list[Any] = [RequestContext]
    if route.body is not None and route.body.decoded:
        kind = route.body.kind
        declared.append(kind if route.body.is_required else kind | None)
    if route.query is not None:
        declared.append(route.query)
    hints = get_type_hints(route.handler)
    del hints["return"]
    assert list(hints.values()) == declared


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> dict[type[Query], set[str]]:
    """The names of the fields that are used, by query class."""
    names = defaultdict[type[Query], set[str]](set)

    def note(self: Query, name: str) -> Any:
        names[type(self)].add(name)
        return object.__getattribute__(self, name)

    for query_class in QUERY_CLASSES:
        monkeypatch.setattr(query_class, "__getattribute__", note)
    return names


async def test_every_parameter_of_a_query_is_used(used: dict[type[Query], set[str]]) -> None:
    async with memory_service(MemoryStorage(currency=USD), clock=None) as service:
        await answers_of(service.api)
    for query_class in QUERY_CLASSES:
        assert used[query_class] >= readers_of(query_class).keys(), query_class
