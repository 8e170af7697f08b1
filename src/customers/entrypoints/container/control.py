"""Makes the test API and its parts, if the settings switch it on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from grpc.aio import ServerInterceptor

from customers.adapters.ids import ScriptedIds
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.version import VERSION
from customers.entrypoints.http.app import Observer, Resource
from customers.entrypoints.testapi.ports import ControlledService

if TYPE_CHECKING:
    from customers.entrypoints.testapi.test_api import TestApi


def mode(settings: Settings) -> Literal["normal", "test"]:
    """`test` if the test API controls the service, else `normal`."""
    return "test" if settings.test_api else "normal"


def is_authenticating(settings: Settings) -> bool:
    return bool(settings.authentication)


def scripted_ids(settings: Settings) -> ScriptedIds:
    return ScriptedIds(is_sequential=settings.ids == "sequential", seed=settings.seed)


def test_api(
    settings: Settings, resources: Sequence[Resource], service: ControlledService
) -> "TestApi":
    from customers.entrypoints.testapi.test_api import TestApi

    routes = (route for resource in resources for route in resource.table())
    operations = [route.operation for route in routes if route.is_of_tenant]
    return TestApi.build(
        service, operations, host=settings.host, seed_file=settings.seed_file, version=VERSION
    )


def routed(resources: Sequence[Resource], test_api: "TestApi | None") -> Sequence[Resource]:
    return resources if test_api is None else [*resources, test_api.routes]


def outer_middleware(test_api: "TestApi | None") -> Observer | None:
    return None if test_api is None else test_api.middleware


def outer_interceptors(test_api: "TestApi | None") -> Sequence[ServerInterceptor]:
    return [] if test_api is None else [test_api.interceptor]
