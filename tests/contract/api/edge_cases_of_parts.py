"""Edge cases of addresses, payment tokens, segments and the ledger."""

from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    ADDRESS,
    BIG_SPENDERS,
    a_customer,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    customer_path,
    members,
    new_method,
)


async def defaults(api: Api, customer: str) -> list[str]:
    listed = (await api.get(f"{customer}/addresses")).body["data"]
    return sorted(address["label"] for address in listed if address["isDefault"])


async def addresses(api: Api, customer: str, *kinds: str) -> list[str]:
    """The paths of new addresses of these types, created a minute apart, labelled by number."""
    paths = []
    for number, kind in enumerate(kinds):
        added = await an_address(api, customer, addressType=kind, label=str(number))
        paths.append(f"{customer}/addresses/{added['id']}")
        api.clock.forward(minutes=1)
    return paths


class AddressDetailContract:
    async def test_a_tenant_in_a_body_must_agree_and_other_ids_are_ignored(self, api: Api) -> None:
        customer = await customer_path(api)
        body = ADDRESS | {"customerId": an_unknown_id(), "id": "x", "tenantId": api.tenant}
        assert (await api.post(f"{customer}/addresses", body)).status == 201
        answer = await api.post(f"{customer}/addresses", body | {"tenantId": "other"})
        assert answer.error == (400, "TENANT_MISMATCH")

    async def test_the_oldest_address_replaces_a_deleted_default(self, api: Api) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "SHIPPING", "BILLING", "SHIPPING", "SHIPPING")
        await api.delete(paths[0])
        assert await defaults(api, customer) == ["1", "2"]
        await api.delete(paths[1])
        assert await defaults(api, customer) == ["2"]

    async def test_a_deleted_default_for_both_purposes_is_replaced_for_each(self, api: Api) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "BOTH", "BILLING", "SHIPPING", "SHIPPING")
        assert await defaults(api, customer) == ["0"]
        await api.delete(paths[0])
        assert await defaults(api, customer) == ["1", "2"]

    async def test_deleting_another_address_leaves_the_default(self, api: Api) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "SHIPPING", "SHIPPING")
        await api.delete(paths[1])
        assert await defaults(api, customer) == ["0"]

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_a_default_can_be_unset_without_a_replacement(
        self, api: Api, method: str
    ) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "SHIPPING", "SHIPPING")
        answer = await api.send(method, paths[0], {"isDefault": False})
        assert (answer.status, answer.body["data"]["isDefault"]) == (200, False)
        assert await defaults(api, customer) == []

    async def test_a_default_that_changes_type_gives_up_its_old_purpose(self, api: Api) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "BOTH")
        await api.put(paths[0], {"addressType": "BILLING"})
        await addresses(api, customer, "SHIPPING", "BILLING")
        listed = (await api.get(f"{customer}/addresses")).body["data"]
        kinds = sorted(address["addressType"] for address in listed if address["isDefault"])
        assert kinds == ["BILLING", "SHIPPING"]

    async def test_a_change_of_type_does_not_take_over_a_default(self, api: Api) -> None:
        customer = await customer_path(api)
        paths = await addresses(api, customer, "SHIPPING", "BILLING")
        await api.put(paths[0], {"addressType": "BILLING"})
        assert await defaults(api, customer) == ["1"]


class PaymentTokenContract:
    async def test_tokens_of_a_deleted_customer_are_free(self, api: Api) -> None:
        deleted, body = await customer_path(api), new_method()
        await api.post(f"{deleted}/payment-methods", body)
        await api.delete(deleted)
        assert (await api.post(f"{await customer_path(api)}/payment-methods", body)).status == 201

    async def test_a_restore_brings_back_the_tokens_that_are_still_free(self, api: Api) -> None:
        customer, lost, free = await customer_path(api), new_method(), new_method()
        for body in (lost, free):
            await api.post(f"{customer}/payment-methods", body)
        await api.delete(customer)
        await api.post(f"{await customer_path(api)}/payment-methods", lost)
        assert (await api.post(f"{customer}/restore")).status == 200
        methods = (await api.get(f"{customer}/payment-methods")).body
        tokens = [method["gatewayPaymentMethodId"] for method in methods]
        assert tokens == [free["gatewayPaymentMethodId"]]


class SegmentDetailContract:
    @pytest.mark.parametrize(("is_dynamic", "kind"), [(True, "STATIC"), (False, "dynamic")])
    async def test_contradicting_segment_types_are_refused(
        self, api: Api, is_dynamic: bool, kind: str
    ) -> None:
        body: dict[str, Any] = {"isDynamic": is_dynamic, "segmentType": kind}
        assert (await api.post("/customers/segments", {"name": "a", **body})).status == 400
        segment = await a_segment(api)
        path = f"/customers/segments/{segment['id']}"
        assert (await api.put(path, body)).status == 400
        assert (await api.get("/customers/segments")).body == [segment]

    async def test_rules_of_a_manual_segment_are_stored_without_evaluation(self, api: Api) -> None:
        await an_order(api, await customer_path(api), "o-1", 5000)
        segment = await a_segment(api, isDynamic=False, rules=BIG_SPENDERS)
        assert (segment["rules"], segment["customerCount"]) == (BIG_SPENDERS, 0)
        assert await members(api, segment) == []

    @pytest.mark.parametrize("fields", [{}, {"isDynamic": True}, {"isDynamic": False}])
    async def test_empty_rules_text_means_null(self, api: Api, fields: dict[str, Any]) -> None:
        assert (await a_segment(api, rules="", **fields))["rules"] is None

    async def test_a_dynamic_segment_without_conditions_has_no_members(self, api: Api) -> None:
        await a_customer(api)
        rules: Any
        for rules in ([], None, {"conditions": [], "logic": "NOT"}):
            segment = await a_segment(api, isDynamic=True, rules=rules)
            assert (await members(api, segment), segment["customerCount"]) == ([], 0)


class LedgerDetailContract:
    async def test_a_fact_recorded_before_its_order_reserves_the_order_id(self, api: Api) -> None:
        customer, other = await customer_path(api), await customer_path(api)
        await api.post(f"{customer}/orders/o-1/refunds", {"refundId": "r", "amount": 1})
        await api.post(f"{customer}/orders/o-2/cancel")
        for order_id in ("o-1", "o-2"):
            body = {"orderId": order_id, "totalAmount": 5}
            answer = await api.post(f"{other}/record-order", body)
            assert answer.error == (409, "ORDER_CONFLICT")
            answer = await api.post(f"{other}/orders/{order_id}/cancel")
            assert answer.error == (409, "ORDER_CONFLICT")

    async def test_a_refund_after_a_cancellation_is_stored_without_effect(self, api: Api) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 10)
        await an_order(api, customer, "o-2", 7)
        await api.post(f"{customer}/orders/o-1/cancel")
        body = {"refundId": "r", "amount": 4}
        answer = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert (answer.status, answer.body["duplicate"]) == (200, False)
        assert answer.body["customer"]["totalSpent"] == 7
        again = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert again.body["duplicate"] is True

    @pytest.mark.parametrize("amount", [0, "0.00", -1])
    async def test_a_refund_must_be_positive(self, api: Api, amount: Any) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 10)
        body = {"refundId": "r", "amount": amount}
        answer = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert (answer.status, answer.pointers) == (400, {"/amount"})

    async def test_a_wrong_currency_is_listed_among_the_details(self, api: Api) -> None:
        body = {"totalAmount": "x", "currency": "EUR"}
        answer = await api.post(f"{await customer_path(api)}/record-order", body)
        assert answer.code == "CURRENCY_MISMATCH"
        assert answer.pointers == {"/orderId", "/totalAmount", "/currency"}
