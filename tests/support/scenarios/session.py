"""A session of several hundred requests through every operation, the same in every run."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from customers.entrypoints.http.body_sizes import MAX_BYTES
from tests.support.api_client import NOTHING, PROBLEM
from tests.support.scenarios.customers import customer_scenarios
from tests.support.scenarios.ledger import ledger_scenarios
from tests.support.scenarios.requests import UNKNOWN, USER, Request, Scenario
from tests.support.scenarios.segments import segment_scenarios
from tests.support.scenarios.shoppers import shopper_scenarios
from tests.support.scenarios.tenants import tenant_scenarios
from tests.support.schema_check import Operation, operations, the_document

TOO_LARGE: Final = b" " * (MAX_BYTES + 1)


def session() -> Iterator[Scenario]:
    """All scenarios of the session, in order."""
    yield from chain(
        customer_scenarios(),
        shopper_scenarios(),
        ledger_scenarios(),
        segment_scenarios(),
        tenant_scenarios(),
    )
    yield from (refusals(operation) for operation in operations(the_document()))


def refusals(operation: Operation) -> Scenario:
    """Bad requests to an operation, in every error form."""
    if not operation.path.startswith("/api/v1"):
        return
    path, method = operation.path.removeprefix("/api/v1"), operation.method
    malformed = path
    for part in operation.path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, UNKNOWN)
            malformed = malformed.replace(part, "no-id")
    body = _example(operation)
    if "x-principal" in operation.spec:
        yield Request(method=method, path=path, body=body, headers={"X-User-ID": USER})
    yield Request(method=method, path=path, body=body)
    yield Request(method=method, path=path, body=body, headers={"Accept": PROBLEM})
    yield Request(method=method, path=path, headers={"X-Tenant-ID": None})
    yield Request(method=method, path=f"{path}?tenant_id=another", body=body)
    if malformed != path:
        yield Request(method=method, path=malformed, body=body)
    yield Request(method=method, path=f"{path}?cursr=1", body=body)
    if method != "GET":
        yield Request(method=method, path=path, body=b'{"a":')
        yield Request(method=method, path=path, body=b"[]", headers={"Accept": PROBLEM})
        yield Request(method=method, path=path, body=TOO_LARGE)
        yield Request(method=method, path=path, body=b"a=1", headers={"Content-Type": "text/plain"})


def _example(operation: Operation) -> Any:
    content = operation.spec.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("example", NOTHING)
    return (
        NOTHING
        if body is NOTHING
        else {key: value for key, value in body.items() if key != "tenantId"}
    )
