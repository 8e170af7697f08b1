"""The OpenAPI documents of the REST API, written on the first request for one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from customers.entrypoints.access.guard import Guard
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.version import VERSION
from customers.entrypoints.http.app import Resource
from customers.entrypoints.http.documentation import Documents


def openapi(resources: Sequence[Resource]) -> Mapping[str, Any]:
    """The OpenAPI document of the service's own routes."""
    from customers.entrypoints.openapi.document import document

    return document({resource.name: resource.table() for resource in resources}, version=VERSION)


def documents(
    settings: Settings, openapi: Callable[[], Mapping[str, Any]], guard: Guard
) -> Documents:
    """The OpenAPI document as JSON and as YAML, each written on the first request for it."""

    def as_json() -> str:
        from customers.entrypoints.openapi import document

        return document.as_json(openapi())

    def as_yaml() -> str:
        from customers.entrypoints.openapi import document

        return document.as_yaml(openapi())

    return Documents(as_json, as_yaml, guard, are_public=settings.docs_are_public)
