"""Erasing customers, and what remains of them."""

from typing import Any

import pytest

from customers.entrypoints.json.encode import RECORD_TABLES
from tests.support.api_client import Api
from tests.support.api_steps import (
    REASON,
    a_communication,
    a_customer,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_unknown_id,
    assign,
    customer_path,
    id_of,
    members,
    new_customer,
    select,
)

ORDER = {"orderId": "o-1", "totalAmount": 10, "orderDate": "2026-01-01T00:00:00Z"}


async def a_full_customer(api: Api) -> tuple[str, dict[str, Any]]:
    """The path of a customer with belongings of many kinds, and a segment they are assigned to."""
    customer = await a_customer(api, email="ada@example.test", notes="likes tea")
    path, segment = f"/customers/{customer['id']}", await a_segment(api)
    for number in range(2):
        await an_address(api, path, label=str(number))
        await a_note(api, path, f"note {number}")
    await a_method(api, path, gatewayPaymentMethodId="pm_ada")
    await a_communication(api, path)
    await api.post(f"{path}/record-order", ORDER | {"orderNumber": "A-7"})
    await api.post(f"{path}/orders/o-1/refunds", {"refundId": "r-1", "amount": 1})
    await assign(api, segment, customer)
    return path, segment


class ErasureContract:
    async def test_an_erasure_returns_the_number_of_removed_rows(self, api: Api) -> None:
        customer, _ = await a_full_customer(api)
        answer = await api.delete(f"{customer}?mode=erase")
        tables = answer.body.pop("tables")
        expected = {"message": "customer erased", "customerId": id_of(customer)}
        assert (answer.status, answer.body) == (
            200,
            expected | {"erasedAt": answer.body["erasedAt"], "notReached": ["backups", "replicas"]},
        )
        assert set(tables) == set(RECORD_TABLES.values())
        removed = {"customers": 1, "customer_addresses": 2, "customer_notes": 2}
        removed |= {"customer_payment_methods": 1, "customer_communications": 1}
        assert select(tables, removed) == removed

    async def test_an_erasure_names_every_table(self, api: Api) -> None:
        answer = await api.delete(f"{await customer_path(api)}?mode=erase")
        tables = dict.fromkeys(RECORD_TABLES.values(), 0)
        assert answer.body["tables"] == tables | {"customers": 1}

    async def test_after_an_erasure_every_route_answers_404(self, api: Api) -> None:
        customer, segment = await a_full_customer(api)
        await api.delete(f"{customer}?mode=erase")
        parts = ["", "/addresses", "/payment-methods", "/notes", "/communications", "/orders"]
        answers = [await api.get(customer + part) for part in [*parts, "/segments"]]
        answers.append(await api.put(customer, {}))
        answers.append(await api.delete(customer))
        answers.append(await api.post(f"{customer}/restore"))
        answers.append(await api.post(f"{customer}/lock", REASON))
        answers.append(await api.post(f"{customer}/record-order", ORDER))
        answers.append(await api.post(f"{customer}/orders/o-1/cancel"))
        assert {(answer.status, answer.code) for answer in answers} == {(404, "CUSTOMER_NOT_FOUND")}
        assert await members(api, segment) == []
        assert (await api.get("/customers")).body["total"] == 0

    async def test_a_repeated_erasure_returns_the_first_receipt(self, api: Api) -> None:
        customer, _ = await a_full_customer(api)
        first = await api.delete(f"{customer}?mode=erase")
        api.clock.forward(days=1)
        again = await api.delete(f"{customer}?mode=erase")
        assert (again.status, again.body) == (200, first.body)

    async def test_a_deleted_customer_can_be_erased(self, api: Api) -> None:
        customer, _ = await a_full_customer(api)
        await api.delete(customer)
        answer = await api.delete(f"{customer}?mode=erase")
        assert (answer.status, answer.body["tables"]["customer_notes"]) == (200, 2)
        assert (await api.post(f"{customer}/restore")).status == 404

    async def test_an_unknown_customer_cannot_be_erased(self, api: Api) -> None:
        answer = await api.delete(f"/customers/{an_unknown_id()}?mode=erase")
        assert answer.error == (404, "CUSTOMER_NOT_FOUND")

    async def test_an_erasure_frees_email_and_tokens_but_not_order_ids(self, api: Api) -> None:
        customer, _ = await a_full_customer(api)
        await api.delete(f"{customer}?mode=erase")
        other = await customer_path(api, email="ada@example.test")
        await a_method(api, other, gatewayPaymentMethodId="pm_ada")
        answer = await api.post(f"{other}/record-order", ORDER)
        assert answer.error == (409, "ORDER_CONFLICT")

    async def test_an_erasure_does_not_touch_other_customers(self, api: Api) -> None:
        customer, segment = await a_full_customer(api)
        other = await a_customer(api)
        path = f"/customers/{other['id']}"
        note = await a_note(api, path)
        await assign(api, segment, other)
        before = (await api.get(path)).body
        await api.delete(f"{customer}?mode=erase")
        assert (await api.get(path)).body == before
        assert (await api.get(f"{path}/notes")).body == [note]
        assert await members(api, segment) == [other["id"]]

    @pytest.mark.parametrize("mode", ["forget", "soft,erase"])
    async def test_an_unknown_mode_is_refused(self, api: Api, mode: str) -> None:
        customer = await customer_path(api)
        answer = await api.delete(f"{customer}?mode={mode}")
        assert (answer.status, answer.fields) == (400, {"mode"})
        assert (await api.get(customer)).status == 200

    async def test_a_stale_version_is_not_erased(self, api: Api) -> None:
        customer = await customer_path(api, **new_customer())
        answer = await api.delete(f"{customer}?mode=erase", headers={"If-Match": '"99"'})
        assert answer.status == 412
        assert (await api.get(customer)).status == 200
