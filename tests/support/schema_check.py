"""The OpenAPI document as a judge: whether an answer is one that it describes.

It is stricter than the document itself: a key that no schema names is refused too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
from attrs import frozen

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.openapi.document import document

Document = dict[str, Any]

_PAGES: Final = {"/docs", "/openapi.json", "/openapi.yaml"}
_OF_A_CUSTOMER: Final = "/api/v1/customers/{customerId}"
_OF_A_SEGMENT: Final = "/api/v1/customers/segments/{segmentId}"
_SLOT: Final = re.compile(r"\{\w+\}")


@cache
def the_document() -> Document:
    """The document of the code, not the committed one."""
    settings = Settings(storage="memory", data_dir=Path("unused"))
    return dict(Container(settings=settings, dsn="").openapi())


@frozen(kw_only=True)
class Operation:
    """One operation of a document, its responses resolved."""

    method: str
    path: str
    told: Mapping[str, Any]
    responses: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        return str(self.told["operationId"])


@cache
def the_test_api() -> Document:
    """The document of the test API."""
    settings = Settings(storage="memory", test_api=True, data_dir=Path("unused"))
    test_api = Container(settings=settings, dsn="").test_api()
    assert test_api is not None
    return document({"Test API": test_api.routes.table()}, version="1")


def operations(document: Document) -> Iterator[Operation]:
    shared = document["components"]["responses"]
    for path, item in document["paths"].items():
        for method, told in item.items():
            responses = {
                status: shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
                for status, each in told["responses"].items()
            }
            yield Operation(method=method.upper(), path=path, told=told, responses=responses)


def validator(document: Document, schema: Any) -> jsonschema_rs.Draft202012Validator:
    """Checks values against a schema that may refer to the document's components."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def is_page(path: str) -> bool:
    """Whether it shows the document, and is none of its operations."""
    return path.partition("?")[0] in _PAGES or path.startswith("/docs/")


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a request with that raw path is for; None where there is none."""
    wanted = "GET" if method == "HEAD" else method
    found = (each for pattern, each in _patterns() if pattern.fullmatch(path.partition("?")[0]))
    return next((each for each in found if each.method == wanted), None)


def expect_described(
    method: str, path: str, status: int, headers: Mapping[str, str], raw: bytes
) -> None:
    """Raises AssertionError for an answer that the document does not describe."""
    operation = operation_of(method, path)
    if is_page(path):
        return
    if operation is None or (status == 404 and path.startswith("/__test")):  # if it is off
        assert status in (404, 405), f"{method} {path} is not described, and answered {status}"
        return
    response = operation.responses.get(str(status))
    assert response is not None, f"{operation.name} is not described as answering {status}: {raw!r}"
    for name in response["headers"].keys() - {"Link"}:
        assert name in headers, f"{operation.name} is described as answering with {name}"
    if raw:
        _expect_body(operation, status, headers["Content-Type"].partition(";")[0], raw)


def _expect_body(operation: Operation, status: int, kind: str, raw: bytes) -> None:
    checks = _checks(operation.name, str(status))
    assert kind in checks, f"{operation.name} is not described as answering {status} with {kind}"
    if "json" in kind:
        wrong = [str(error) for error in checks[kind].iter_errors(json.loads(raw))]
        assert not wrong, f"{operation.name} {status}: {wrong}"


@cache
def _patterns() -> list[tuple[re.Pattern[str], Operation]]:
    """Those with the most literal path first, as the service itself looks for them."""
    told = [each for document in _documents() for each in operations(document)]
    found = sorted(told, key=lambda each: len(_SLOT.findall(each.path)))
    return [(_pattern(each.path), each) for each in found]


def _pattern(path: str) -> re.Pattern[str]:
    """Words that stand where an id could are none."""
    slots = "[^/]+".join(map(re.escape, _SLOT.split(path)))
    words = {_OF_A_CUSTOMER: "batch|segments", _OF_A_SEGMENT: "segments/preview"}
    told = next((each for begin, each in words.items() if path.startswith(begin)), None)
    no_words = "" if told is None else f"(?!/api/v1/customers/(?:{told})(?:/|$))"
    return re.compile(no_words + slots)


@cache
def _checks(name: str, status: str) -> Mapping[str, jsonschema_rs.Draft202012Validator]:
    document, operation = next(
        (document, each)
        for document in map(_closed, _documents())
        for each in operations(document)
        if each.name == name
    )
    content = operation.responses[status].get("content", {})
    return {kind: validator(document, each["schema"]) for kind, each in content.items()}


def _documents() -> list[Document]:
    return [the_document(), the_test_api()]


def _closed(document: Document) -> Document:
    """The document with objects that may hold nothing but the keys that are named."""
    closed: Document = json.loads(json.dumps(document))
    for schema in closed["components"]["schemas"].values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    return closed
