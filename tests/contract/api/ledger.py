"""Refunds and cancellations over REST, and facts in any order."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tests.contract.api.orders import DAY, LATER, ORDER, cancel, refund, statistics
from tests.support.api_client import NOTHING, Answer, Api
from tests.support.api_steps import an_order, customer_path

ODD_IDS = ["a/b", "a%b", "a+b?c#d", "{x}", "..", "~!$&'()*,;=:@", '"<>[]\\^`|', "x" * 100, "batch"]

RecordFact = Callable[[Api, str], Awaitable[Answer]]


def quoted(order_id: str) -> str:
    """An order id with every byte escaped, for a path."""
    return "".join(f"%{byte:02X}" for byte in order_id.encode())


def an_order_fact(order_id: str, amount: int, day: int) -> RecordFact:
    body = {"orderId": order_id, "totalAmount": amount, "orderDate": f"2026-01-{day:02}T00:00:00Z"}
    return lambda api, customer: api.post(f"{customer}/record-order", body)


def a_refund_fact(order_id: str, refund_id: str, amount: int) -> RecordFact:
    body = {"refundId": refund_id, "amount": amount, "refundedAt": LATER}
    return lambda api, customer: api.post(f"{customer}/orders/{order_id}/refunds", body)


def a_cancellation(order_id: str) -> RecordFact:
    return lambda api, customer: api.post(f"{customer}/orders/{order_id}/cancel")


class RefundOrderContract:
    async def test_a_refund_lowers_total_spent(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        answer = await refund(api, customer, "r-1", "2.50", refundedAt=LATER)
        profile = (await api.get(customer)).body
        message = {"message": "Refund recorded successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": profile})
        assert await statistics(api, customer) == [1, 10, 10, 10, DAY, DAY]
        assert (await api.get(f"{customer}/orders")).body[0]["refundedAmount"] == Decimal("2.5")

    async def test_refunds_cannot_exceed_the_order(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        assert (await refund(api, customer, "r-1", "12.49")).status == 200
        before = await statistics(api, customer)
        answer = await refund(api, customer, "r-2", "0.02")
        assert answer.error == (409, "REFUND_EXCEEDS_ORDER")
        [detail] = answer.details
        assert [detail[key] for key in ("field", "given", "stored")] == [
            "amount",
            Decimal("0.02"),
            Decimal("0.01"),
        ]
        assert await statistics(api, customer) == before
        assert (await refund(api, customer, "r-2", "0.01")).status == 200
        assert (await statistics(api, customer))[:2] == [1, 0]

    async def test_a_repeated_refund_counts_once(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        await refund(api, customer, "r-1", 2)
        before = (await api.get(customer)).body
        for amount in (2, "2.00"):
            answer = await refund(api, customer, "r-1", amount)
            assert (answer.status, answer.body["duplicate"]) == (200, True)
            assert answer.body["customer"] == before
        other = await refund(api, customer, "r-1", 3)
        assert other.error == (409, "REFUND_CONFLICT")
        [detail] = other.details
        assert [detail[key] for key in ("field", "given", "stored")] == ["amount", 3, 2]

    async def test_an_order_is_shown_with_its_refunds(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        await refund(api, customer, "r-2", 2, refundedAt=LATER)
        await refund(api, customer, "r-1", "0.50", refundedAt=DAY)
        [listed] = (await api.get(f"{customer}/orders")).body
        order = (await api.get(f"{customer}/orders/{ORDER['orderId']}")).body
        refunds = order.pop("refunds")
        assert order == listed
        assert [list(one) for one in refunds] == [
            ["refundId", "amount", "refundedAt", "recordedAt"]
        ] * 2
        shown = [(one["refundId"], one["amount"], one["refundedAt"]) for one in refunds]
        assert shown == [("r-1", Decimal("0.5"), DAY), ("r-2", 2, LATER)]

    async def test_an_order_that_is_not_the_customers_is_not_found(self, api: Api) -> None:
        customer, other = await customer_path(api), await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        await api.post(f"{customer}/orders/waiting/cancel")
        for path in (f"{other}/orders/{ORDER['orderId']}", f"{customer}/orders/waiting"):
            assert (await api.get(path)).error == (404, "ORDER_NOT_FOUND")

    async def test_one_refund_id_may_belong_to_several_orders(self, api: Api) -> None:
        customer = await customer_path(api)
        for order in ("o-1", "o-2"):
            await an_order(api, customer, order, 10)
            body = {"refundId": "r-1", "amount": 4}
            answer = await api.post(f"{customer}/orders/{order}/refunds", body)
            assert answer.body["duplicate"] is False
        assert (await statistics(api, customer))[1] == 12

    async def test_concurrent_refunds_cannot_exceed_the_order(self, api: Api) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 10)
        requests = [refund(api, customer, f"r-{number}", 3) for number in range(12)]
        answers = await asyncio.gather(*requests)
        assert sorted(answer.status for answer in answers) == [200] * 3 + [409] * 9
        assert (await statistics(api, customer))[1] == 1


class CancelOrderContract:
    @pytest.mark.parametrize("body", [NOTHING, b"", b"{}"])
    async def test_a_cancelled_order_stops_counting(self, api: Api, body: Any) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-2", 5, orderDate=LATER)
        await api.post(f"{customer}/record-order", ORDER)
        answer = await api.post(f"{customer}/orders/o-1/cancel", body)
        profile = (await api.get(customer)).body
        message = {"message": "Order cancelled successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": profile})
        assert await statistics(api, customer) == [1, 5, 5, 5, LATER, LATER]
        listed = {order["orderId"]: order for order in (await api.get(f"{customer}/orders")).body}
        assert [listed[name]["cancelledAt"] is None for name in ("o-1", "o-2")] == [False, True]

    async def test_cancelling_the_last_order_resets_statistics(self, api: Api) -> None:
        customer = await customer_path(api)
        before = await statistics(api, customer)
        await api.post(f"{customer}/record-order", ORDER)
        await refund(api, customer, "r-1", 2)
        await cancel(api, customer)
        assert await statistics(api, customer) == before == [0, 0, 0, 0, None, None]

    async def test_a_repeated_cancellation_changes_nothing(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        await cancel(api, customer)
        before = (await api.get(customer)).body
        answer = await cancel(api, customer)
        assert (answer.status, answer.body["duplicate"]) == (200, True)
        assert answer.body["customer"] == before
        again = await api.post(f"{customer}/record-order", ORDER)
        assert (again.body["duplicate"], again.body["customer"]) == (True, before)


class LedgerContract:
    async def test_a_wrong_currency_is_refused_in_every_fact(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        before = (await api.get(customer)).body
        for answer in (
            await refund(api, customer, "r-1", 1, currency="EUR"),
            await refund(api, customer, "", "x", currency="EUR"),
            await api.post(f"{customer}/orders/o-1/cancel", {"currency": "EUR"}),
        ):
            assert answer.error == (400, "CURRENCY_MISMATCH")
        assert (await api.get(customer)).body == before

    async def test_facts_of_an_order_have_the_same_result_in_any_order(self, api: Api) -> None:
        facts = [an_order_fact("o-1", 10, 1), a_refund_fact("o-1", "r-1", 4), a_cancellation("o-1")]
        results = []
        for number, facts_in_order in enumerate(permutations([*facts, an_order_fact("o-2", 7, 2)])):
            caller = api.of_tenant(f"{api.tenant}-{number}")
            customer = await customer_path(caller)
            for fact in facts_in_order:
                answer = await fact(caller, customer)
                assert (answer.status, answer.body["duplicate"]) == (200, False)
            results.append(await statistics(caller, customer))
        assert results == [results[0]] * 24
        assert results[0][:2] == [1, 7]

    async def test_concurrent_repeated_facts_have_the_same_result(self, api: Api) -> None:
        facts = [an_order_fact(f"o-{day}", day, day) for day in range(1, 9)]
        facts += [a_refund_fact(f"o-{day}", f"r-{part}", 1) for day in (4, 5) for part in (1, 2)]
        facts += [a_cancellation("o-8"), a_cancellation("o-5")]
        random.Random(7).shuffle(repeated := facts * 4)
        customer = await customer_path(api)
        answers = await asyncio.gather(*(fact(api, customer) for fact in repeated))
        assert {answer.status for answer in answers} == {200}
        assert [answer.body["duplicate"] for answer in answers].count(False) == len(facts)
        first, last = "2026-01-01T00:00:00Z", "2026-01-07T00:00:00Z"
        spent, average = Decimal(21), Decimal("3.50")
        assert await statistics(api, customer) == [6, spent, average, spent, first, last]

    async def test_a_refund_before_its_order_takes_effect_with_the_order(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await refund(api, customer, "r-1", 4)
        assert (answer.status, answer.body["duplicate"]) == (200, False)
        assert (await statistics(api, customer))[:2] == [0, 0]
        assert (await refund(api, customer, "r-1", 4)).body["duplicate"] is True
        assert (await an_order(api, customer, "o-1", 10)).body["duplicate"] is False
        assert (await statistics(api, customer))[:2] == [1, 6]

    async def test_an_order_smaller_than_its_earlier_refunds_is_fully_refunded(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        await refund(api, customer, "r-1", 4)
        await refund(api, customer, "r-2", 8)
        await an_order(api, customer, "o-1", 10)
        assert (await statistics(api, customer))[:3] == [1, 0, 0]
        assert (await refund(api, customer, "r-3", 1)).code == "REFUND_EXCEEDS_ORDER"

    @pytest.mark.parametrize("order_id", ODD_IDS)
    async def test_order_ids_may_be_any_visible_characters(self, api: Api, order_id: str) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, order_id, 10)
        path = f"{customer}/orders/{quoted(order_id)}"
        answer = await api.post(f"{path}/refunds", {"refundId": order_id, "amount": 4})
        assert answer.status == 200, answer
        assert (await statistics(api, customer))[1] == 6
        assert (await api.post(f"{path}/cancel")).body["duplicate"] is False
        listed = (await api.get(f"{customer}/orders")).body
        assert [order["orderId"] for order in listed] == [order_id]

    @pytest.mark.parametrize("order_id", ["%20", "%00", "a%20b", "%C3%A9", "x" * 101])
    async def test_other_order_ids_in_paths_are_refused(self, api: Api, order_id: str) -> None:
        customer = await customer_path(api)
        assert (await api.post(f"{customer}/orders/{order_id}/cancel")).status == 400

    async def test_orders_are_listed_newest_first(self, api: Api) -> None:
        customer = await customer_path(api)
        for number, date in enumerate([DAY, LATER, "2026-01-02T00:00:00Z"]):
            await an_order(api, customer, f"o-{number}", 1, orderDate=date)
        listed = (await api.get(f"{customer}/orders")).body
        assert [order["orderId"] for order in listed] == ["o-1", "o-2", "o-0"]
