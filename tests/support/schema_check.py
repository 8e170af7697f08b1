"""Checks responses against the OpenAPI document of the code.

It is stricter than the document: a key that no schema names is refused too. An operation that
cannot be described is not checked; it is in `undescribed()`, for which one unit test fails.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
from attrs import frozen

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.routes import Route
from customers.entrypoints.openapi.document import document

Document = dict[str, Any]

_PAGES: Final = {"/", "/docs", "/openapi.json", "/openapi.yaml"}
_CUSTOMER_PATH: Final = "/api/v1/customers/{customerId}"
_SEGMENT_PATH: Final = "/api/v1/customers/segments/{segmentId}"
_SLOT: Final = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


@frozen(kw_only=True)
class Operation:
    """One operation of a document, its responses resolved."""

    method: str
    path: str
    spec: Mapping[str, Any]
    responses: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        return str(self.spec["operationId"])


@cache
def the_document() -> Document:
    """The document of the code, not the committed one."""
    settings = Settings(storage="memory", data_dir=Path("unused"))
    return dict(Container(settings=settings, dsn="").openapi())


@cache
def the_test_api() -> Document:
    """The document of the test API."""
    return document({"Test API": _routes()[1]}, version="1")


def operations(document: Document) -> Iterator[Operation]:
    shared = document["components"]["responses"]
    for path, item in document["paths"].items():
        for method, spec in item.items():
            responses = {
                status: shared[response["$ref"].rpartition("/")[2]]
                if "$ref" in response
                else response
                for status, response in spec["responses"].items()
            }
            yield Operation(method=method.upper(), path=path, spec=spec, responses=responses)


def validator(document: Document, schema: Any) -> jsonschema_rs.Draft202012Validator:
    """A validator for a schema that may refer to the document's components."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def is_page(path: str) -> bool:
    """Whether a path is the index or shows the document, and is none of its operations."""
    return path.partition("?")[0] in _PAGES or path.startswith("/docs/")


def operation_of(method: str, path: str) -> Operation | None:
    """The operation of a request with that raw path; None if there is none."""
    method = "GET" if method == "HEAD" else method
    path = path.partition("?")[0]
    operations = [operation for pattern, operation in _patterns() if pattern.fullmatch(path)]
    if any(operation.path == path for operation in operations):  # a path without slots comes first
        operations = [operation for operation in operations if operation.path == path]
    return next((operation for operation in operations if operation.method == method), None)


def expect_described(
    method: str, path: str, status: int, headers: Mapping[str, str], raw: bytes
) -> None:
    """Raises AssertionError for a response that the document does not describe."""
    operation = operation_of(method, path)
    if is_page(path) or (operation is not None and operation.name in undescribed()):
        return
    # The test API answers 404 if it is off.
    if operation is None or (status == 404 and path.startswith("/__test")):
        # A caller who is not authenticated gets 401, so as not to learn which paths exist.
        assert status in (401, 404, 405), f"{method} {path} is not described, and answered {status}"
        return
    response = operation.responses.get(str(status))
    assert response is not None, f"{operation.name} has no response {status}: {raw!r}"
    for name in response["headers"].keys() - {"Link"}:
        assert name in headers, f"{operation.name} must have the header {name}"
    if raw:
        _expect_body(operation, status, headers["Content-Type"].partition(";")[0], raw)


def undescribed() -> Mapping[str, str]:
    """Why operations cannot be described, by name: a type or a gate of theirs has no schema."""
    return _described()[1]


def _expect_body(operation: Operation, status: int, content_type: str, raw: bytes) -> None:
    checks = _checks(operation.name, str(status))
    assert content_type in checks, f"{operation.name} {status} must not be {content_type}"
    if "json" in content_type:
        errors = [str(error) for error in checks[content_type].iter_errors(json.loads(raw))]
        assert not errors, f"{operation.name} {status}: {errors}"


@cache
def _routes() -> tuple[Sequence[Route], Sequence[Route]]:
    """The routes of the API and of the test API."""
    settings = Settings(storage="memory", test_api=True, data_dir=Path("unused"))
    container = Container(settings=settings, dsn="")
    test_api = container.test_api()
    assert test_api is not None
    resources = container.resources()
    return [route for resource in resources for route in resource.table()], test_api.routes.table()


@cache
def _described() -> tuple[Mapping[str, tuple[Operation, Document]], Mapping[str, str]]:
    """Operations by name, each with a document of its own, and why others have none."""
    by_operation: dict[str, tuple[Operation, Document]] = {}
    reasons: dict[str, str] = {}
    for route in (route for routes in _routes() for route in routes):
        try:
            own = document({"": [route]}, version="1")
        except TypeError as error:
            reasons[route.operation] = repr(error)
        else:
            by_operation[route.operation] = (next(operations(own)), own)
    return by_operation, reasons


@cache
def _patterns() -> list[tuple[re.Pattern[str], Operation]]:
    """The paths with the fewest slots first, as the service itself looks for them."""
    by_operation = _described()[0]
    all_operations = [
        by_operation[route.operation][0] if route.operation in by_operation else _undescribed(route)
        for routes in _routes()
        for route in routes
    ]
    all_operations.sort(key=lambda operation: len(_SLOT.findall(operation.path)))
    return [(_pattern(operation.path), operation) for operation in all_operations]


def _undescribed(route: Route) -> Operation:
    path, spec = _SLOT.sub(r"{\1}", route.address), {"operationId": route.operation}
    return Operation(method=route.method, path=path, spec=spec, responses={})


def _pattern(path: str) -> re.Pattern[str]:
    """A pattern of an operation's paths, which does not take the words of other paths for ids."""
    words = {_CUSTOMER_PATH: "batch|me|segments|verify-email", _SEGMENT_PATH: "segments/preview"}
    excluded = next((word for prefix, word in words.items() if path.startswith(prefix)), None)
    lookahead = "" if excluded is None else f"(?!/api/v1/customers/(?:{excluded})(?:/|$))"
    return re.compile(lookahead + "[^/]+".join(map(re.escape, _SLOT.sub("\0", path).split("\0"))))


@cache
def _checks(name: str, status: str) -> Mapping[str, jsonschema_rs.Draft202012Validator]:
    operation, own = _described()[0][name]
    closed = _closed(own)
    content = operation.responses[status].get("content", {})
    return {kind: validator(closed, media["schema"]) for kind, media in content.items()}


def _closed(document: Document) -> Document:
    """The document with object schemas that allow no keys but the named ones."""
    closed: Document = json.loads(json.dumps(document))
    for schema in closed["components"]["schemas"].values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    return closed
