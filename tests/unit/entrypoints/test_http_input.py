"""How the input of a request is read: what contract tests over HTTP do not reach."""

import json
from decimal import Decimal
from typing import Any

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.customer import CustomerStatus
from customers.core.model.query import SortField
from customers.core.model.search import Search
from customers.entrypoints.http.customer_queries import CustomerListQuery
from customers.entrypoints.http.query import parameters_of
from customers.entrypoints.http.raw_json import member_text
from tests.support.api_client import serving
from tests.support.builders import USD, a_tenant


def test_the_own_parameters_of_a_query_come_before_the_inherited_ones() -> None:
    names = [parameter.name for parameter in parameters_of(CustomerListQuery)]
    assert names[:3] == ["segment_id", "search", "status"]
    assert names[-3:] == ["page_size", "limit", "cursor"]


def test_a_query_builds_the_filter() -> None:
    query = CustomerListQuery(
        search="Ann Lee", status=(CustomerStatus.ACTIVE,), tags=("VIP",), min_total_spent=Decimal(5)
    )
    assert query.filter.search == Search.of("Ann Lee")
    assert query.filter.statuses == {CustomerStatus.ACTIVE}
    assert query.filter.tags == {"vip"}
    assert query.filter.min_total_spent == 5
    assert query.sort.by is SortField.CREATED_AT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"rules": [1, 2] }', "[1, 2]"),
        ('{"a":{"rules":0},"rules":{"b" : 1.50}}', '{"b" : 1.50}'),
        ('{"rules":1 ,\n"r\\u0075les"\t:\t"x"}', '"x"'),
        ('{"\\ud800":"\\ud800","rules":null}', "null"),
        ("{}", ""),
    ],
)
def test_the_text_of_a_member_is_as_it_was_written(text: str, expected: str) -> None:
    assert member_text(text, "rules") == expected


async def test_an_unknown_key_with_an_unpaired_surrogate_is_reported() -> None:
    strict: dict[str, str | None] = {"Prefer": "handling=strict"}
    body: dict[str, Any] = {"email": "a@b.example", "firstName": "A", "lastName": "", "\ud800": 1}
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        answer = await api.post("/customers", json.dumps(body).encode(), headers=strict)
    assert (answer.status, answer.code) == (400, "VALIDATION_FAILED")
    assert answer.fields == {"\ud800"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("order", "record-order"),
        ("refund", "orders/o-1/refunds"),
        ("cancellation", "orders/o-1/cancel"),
    ],
)
async def test_a_fact_with_bad_input_is_counted_as_invalid(kind: str, path: str) -> None:
    body = {"currency": 5, "totalAmount": [], "amount": []}
    sample = f'customers_ledger_facts_total{{kind="{kind}",outcome="invalid",transport="http"}} '
    async with serving(MemoryStorage(currency=USD), tenant=a_tenant()) as api:
        answer = await api.post(f"/customers/not-an-id/{path}", body)
        assert answer.status == 400
        metrics = (await api.send("GET", "/metrics", base="")).raw.decode()
    assert f"{sample}1.0" in metrics.splitlines()
