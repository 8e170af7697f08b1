"""The OpenAPI document: it is what is committed, whole, and true of what is served."""

import json
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from aiohttp import web

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.grpc.generated.customers_pb2 import DESCRIPTOR
from customers.entrypoints.openapi.document import as_json, as_yaml
from customers.entrypoints.openapi.gate_schemas import schema_of
from tests.support.api_client import serving
from tests.support.builders import USD
from tests.support.schema_check import Operation, is_page, operations, the_document, validator

DOCS = Path(__file__).parents[3] / "docs"
# What the founding document and the contract name, method and path.
CONTRACT = """
    GET /health
    GET /live
    GET /metrics
    GET /ready
    DELETE /api/v1/customers/{customerId}
    DELETE /api/v1/customers/{customerId}/addresses/{addressId}
    DELETE /api/v1/customers/{customerId}/notes/{noteId}
    DELETE /api/v1/customers/{customerId}/payment-methods/{methodId}
    DELETE /api/v1/customers/segments/{segmentId}
    DELETE /api/v1/customers/segments/{segmentId}/customers
    GET /api/v1/customers
    GET /api/v1/customers/batch
    GET /api/v1/customers/segments
    GET /api/v1/customers/segments/{segmentId}
    GET /api/v1/customers/segments/{segmentId}/changes
    GET /api/v1/customers/segments/{segmentId}/customers
    GET /api/v1/customers/segments/{segmentId}/customers/{customerId}/explain
    GET /api/v1/customers/{customerId}
    GET /api/v1/customers/{customerId}/addresses
    GET /api/v1/customers/{customerId}/addresses/{addressId}
    GET /api/v1/customers/{customerId}/communications
    GET /api/v1/customers/{customerId}/notes
    GET /api/v1/customers/{customerId}/orders
    GET /api/v1/customers/{customerId}/payment-methods
    GET /api/v1/customers/{customerId}/segments
    PATCH /api/v1/customers/{customerId}
    PATCH /api/v1/customers/{customerId}/addresses/{addressId}
    PATCH /api/v1/customers/{customerId}/communications/{communicationId}
    PATCH /api/v1/customers/{customerId}/payment-methods/{methodId}
    POST /api/v1/customers
    POST /api/v1/customers/segments
    POST /api/v1/customers/segments/preview
    POST /api/v1/customers/segments/{segmentId}/customers
    POST /api/v1/customers/segments/{segmentId}/preview-change
    POST /api/v1/customers/{customerId}/addresses
    POST /api/v1/customers/{customerId}/communications
    POST /api/v1/customers/{customerId}/lock
    POST /api/v1/customers/{customerId}/notes
    POST /api/v1/customers/{customerId}/orders/{orderId}/cancel
    POST /api/v1/customers/{customerId}/orders/{orderId}/refunds
    POST /api/v1/customers/{customerId}/payment-methods
    POST /api/v1/customers/{customerId}/record-order
    POST /api/v1/customers/{customerId}/restore
    POST /api/v1/customers/{customerId}/unlock
    PUT /api/v1/customers/segments/{segmentId}
    PUT /api/v1/customers/{customerId}
    PUT /api/v1/customers/{customerId}/addresses/{addressId}
"""
CALLS = {"RecordOrder", "RefundOrder", "CancelOrder", "RecordOrders"}

ALL = list(operations(the_document()))
by_operation = pytest.mark.parametrize("operation", ALL, ids=lambda each: each.name)


def examples(operation: Operation) -> Iterator[tuple[Any, Any]]:
    """Every example with its schema."""
    bodies = [*operation.responses.values(), operation.told.get("requestBody", {})]
    for content in (each for body in bodies for each in body.get("content", {}).values()):
        told = [each["value"] for each in content.get("examples", {}).values()]
        told += [content["example"]] if "example" in content else []
        yield from ((content["schema"], each) for each in told)


def routes() -> set[tuple[str, str]]:
    """Method and path of everything that is served, but for what shows the document."""
    settings = Settings(storage="memory", data_dir=Path("unused"))
    app: web.Application = Container(settings=settings, dsn="").app()
    served = {
        (route.method, "" if route.resource is None else route.resource.canonical)
        for route in app.router.routes()
    }
    return {(method, path) for method, path in served if method != "HEAD" and not is_page(path)}


def test_the_committed_documents_are_those_of_the_code() -> None:
    told = "run make openapi, and look at what has changed for callers"
    assert (DOCS / "openapi.json").read_text() == as_json(the_document()), told
    assert (DOCS / "openapi.yaml").read_text() == as_yaml(the_document()), told


def test_both_spellings_of_the_document_say_the_same() -> None:
    assert yaml.safe_load(as_yaml(the_document())) == json.loads(as_json(the_document()))


def test_the_document_is_openapi() -> None:
    schemathesis.openapi.from_dict(dict(the_document())).validate()


def test_every_route_is_an_operation_and_every_operation_a_route() -> None:
    assert routes() == {(each.method, each.path) for each in ALL}


def test_every_operation_of_the_contract_is_there() -> None:
    told = {tuple(line.split()) for line in CONTRACT.splitlines() if line.strip()}
    assert {(each.method, each.path) for each in ALL} == told


def test_every_call_of_the_contract_is_in_the_proto() -> None:
    methods = DESCRIPTOR.services_by_name["CustomersService"].methods
    assert {each.name for each in methods} == CALLS


def test_no_two_operations_share_a_name() -> None:
    assert len({each.name for each in ALL}) == len(ALL)


@by_operation
def test_every_operation_says_what_it_does(operation: Operation) -> None:
    assert operation.told["summary"]
    assert not operation.told["summary"].endswith(".")


@by_operation
def test_every_operation_of_a_tenant_tells_its_refusals_in_both_forms(operation: Operation) -> None:
    if not operation.path.startswith("/api/"):
        return
    assert {"400", "503"} <= operation.responses.keys()
    for response in (each for code, each in operation.responses.items() if code >= "400"):
        assert response["content"].keys() == {"application/json", "application/problem+json"}


@by_operation
def test_every_part_of_a_path_is_a_parameter(operation: Operation) -> None:
    told = {each["name"] for each in operation.told["parameters"] if each.get("in") == "path"}
    assert told == {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}


@by_operation
def test_every_body_has_an_example(operation: Operation) -> None:
    bodies = [*operation.responses.values(), operation.told.get("requestBody", {})]
    for kind, content in (each for body in bodies for each in body.get("content", {}).items()):
        has_one = content.keys() & {"example", "examples"}
        assert has_one or kind == "text/plain" or not operation.path.startswith("/api/")


@by_operation
def test_every_example_is_what_its_schema_says(operation: Operation) -> None:
    for schema, example in examples(operation):
        wrong = [str(each) for each in validator(the_document(), schema).iter_errors(example)]
        assert not wrong, example


@by_operation
async def test_the_example_of_a_body_is_read_by_the_service(operation: Operation) -> None:
    path = operation.path.removeprefix("/api/v1")
    for each in operation.told["parameters"]:
        if each.get("in") == "path":
            path = path.replace(f"{{{each['name']}}}", each["example"])
    async with serving(MemoryStorage(currency=USD), tenant="tenant-123") as api:
        for content in operation.told.get("requestBody", {}).get("content", {}).values():
            answer = await api.send(operation.method, path, content["example"])
            # Whoever it is about may be absent; that is found out after the body was read.
            assert answer.status in (200, 201, 404) or answer.fields == {"customerIds"}, answer


def test_what_has_no_schema_yet_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="no schema is known"):
        schema_of(signature)
