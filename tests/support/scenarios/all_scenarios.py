"""All scenarios: together they send requests to every operation, the same ones in every run."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from customers.entrypoints.http.body import NDJSON
from customers.entrypoints.http.body_sizes import MAX_BYTES
from customers.entrypoints.http.bulk_rows import MAX_BULK_BYTES
from tests.support.api_client import JSON, NOTHING, PROBLEM
from tests.support.scenarios.customers import customer_scenarios
from tests.support.scenarios.ledger import ledger_scenarios
from tests.support.scenarios.requests import UNKNOWN, Request, Scenario
from tests.support.scenarios.segments import segment_scenarios
from tests.support.scenarios.shoppers import BLOCKED, NOBODY, SHOPPER, shopper_scenarios
from tests.support.scenarios.tenants import tenant_scenarios
from tests.support.schema_check import Operation, operations, the_document

_PART: Final = re.compile(r"\{\w+\}")
TOO_LARGE: Final = b" " * (MAX_BYTES + 1)


def all_scenarios() -> Iterator[Scenario]:
    """The scenarios in order."""
    yield from chain(
        customer_scenarios(),
        shopper_scenarios(),
        ledger_scenarios(),
        segment_scenarios(),
        tenant_scenarios(),
    )
    for operation in operations(the_document()):
        yield refusals(operation)
        yield refusals_of_shoppers(operation)


def refusals(operation: Operation) -> Scenario:
    """Mostly bad requests to an operation; if it is for shoppers, by one without a customer."""
    base, path = _split(operation)
    if not (base or _is_for_shoppers(operation)):
        return
    method, body = operation.method, _example(operation)
    shopper = NOBODY if _is_for_shoppers(operation) else None

    def request(path: str, body: Any = NOTHING, **headers: str | None) -> Request:
        kinds = {} if body is NOTHING else {"Content-Type": _media_type(operation)}
        names = kinds | {name.replace("_", "-"): text for name, text in headers.items()}
        return Request(
            method=method, path=path, body=body, headers={"X-User-ID": shopper} | names, base=base
        )

    unknown = _PART.sub(UNKNOWN, path)
    yield request(unknown, body)
    yield request(unknown, body, Accept=PROBLEM)
    yield request(unknown, X_Tenant_ID=None)
    yield request(f"{unknown}?tenant_id=another", body)
    if unknown != path:
        yield request(_PART.sub("no-id", path), body)
    yield request(f"{unknown}?tenat_id=another", body)
    if method != "GET":
        yield request(unknown, b'{"a":')
        yield request(unknown, b"[]", Accept=PROBLEM)
        is_bulk = _media_type(operation) == NDJSON
        yield request(unknown, TOO_LARGE.ljust(MAX_BULK_BYTES + 1) if is_bulk else TOO_LARGE)
        yield request(unknown, b"a=1", Content_Type="text/plain")


def refusals_of_shoppers(operation: Operation) -> Scenario:
    """Requests to an operation for shoppers, by each shopper and without one, with unknown ids."""
    if not _is_for_shoppers(operation):
        return
    base, path = _split(operation)
    path = _PART.sub(UNKNOWN, path.replace("{shopperId}", "me"))
    for shopper in (NOBODY, BLOCKED, SHOPPER, None):
        yield Request(
            method=operation.method,
            path=path,
            body=_example(operation),
            headers={"X-User-ID": shopper},
            base=base,
        )
    twice = f"{path}?tenant_id=one&tenant_id=other"
    yield Request(method=operation.method, path=twice, headers={"X-User-ID": NOBODY}, base=base)


def _is_for_shoppers(operation: Operation) -> bool:
    return "x-principal" in operation.spec


def _split(operation: Operation) -> tuple[str, str]:
    """The base path of an operation, which may be empty, and what is below it."""
    base = "/api/v1" if operation.path.startswith("/api/v1") else ""
    return base, operation.path.removeprefix(base)


def _content(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = operation.spec.get("requestBody", {}).get("content", {})
    return content


def _media_type(operation: Operation) -> str:
    """The media type in which requests are sent to an operation."""
    return next(iter(_content(operation)), JSON)


def _example(operation: Operation) -> Any:
    body = _content(operation).get(_media_type(operation), {}).get("example", NOTHING)
    return (
        NOTHING
        if body is NOTHING
        else {key: value for key, value in body.items() if key != "tenantId"}
    )
