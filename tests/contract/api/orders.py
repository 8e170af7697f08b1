"""Section 8 over REST: orders, refunds and cancellations, and the statistics they add up to."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tests.api import NOTHING, Answer, Api
from tests.contract.api.steps import an_order, an_unknown_id, at

DAY = "2026-01-01T00:00:00Z"
LATER = "2026-01-03T00:00:00Z"
STATISTICS = [
    "totalOrders",
    "totalSpent",
    "averageOrderValue",
    "lifetimeValue",
    "firstOrderDate",
    "lastOrderDate",
]
KEYS = set(
    "orderId orderNumber totalAmount currency orderDate refundedAmount cancelledAt "
    "recordedAt".split()
)
ORDER = {"orderId": "o-1", "totalAmount": Decimal("12.50"), "orderDate": DAY}
SAME = [
    ORDER,
    ORDER | {"totalAmount": "12.5"},
    ORDER | {"totalAmount": Decimal("12.500000000000002")},
    ORDER | {"orderDate": "2026-01-01T01:00:00+01:00"},
    ORDER | {"orderNumber": "another"},
    ORDER | {"currency": "usd"},
    {"orderId": "o-1", "totalAmount": Decimal("12.50")},
    ORDER | {"orderDate": None, "orderNumber": None, "currency": None},
]
DIFFERENT = [
    ORDER | {"totalAmount": Decimal("12.51")},
    ORDER | {"orderDate": LATER},
    ORDER | {"orderDate": "2026-01-01T00:00:00.000001Z"},
]
ODD_IDS = ["a/b", "a%b", "a+b?c#d", "{x}", "..", "~!$&'()*,;=:@", '"<>[]\\^`|', "x" * 100, "batch"]

Tell = Callable[[Api, str], Awaitable[Answer]]


def quoted(order_id: str) -> str:
    """An order id as a part of a path, every byte of it escaped."""
    return "".join(f"%{byte:02X}" for byte in order_id.encode())


async def statistics(api: Api, customer: str) -> list[Any]:
    shown = (await api.get(customer)).body
    return [shown[name] for name in STATISTICS]


async def refund(api: Api, customer: str, refund_id: str, amount: Any, **fields: Any) -> Answer:
    """Tells a refund of order o-1."""
    body = {"refundId": refund_id, "amount": amount} | fields
    return await api.post(f"{customer}/orders/o-1/refunds", body)


async def cancel(api: Api, customer: str) -> Answer:
    return await api.post(f"{customer}/orders/o-1/cancel")


def an_order_fact(order_id: str, amount: int, day: int) -> Tell:
    body = {
        "orderId": order_id,
        "totalAmount": amount,
        "orderDate": f"2026-01-{day:02}T00:00:00Z",
    }
    return lambda api, customer: api.post(f"{customer}/record-order", body)


def a_refund_fact(order_id: str, refund_id: str, amount: int) -> Tell:
    body = {"refundId": refund_id, "amount": amount, "refundedAt": LATER}
    return lambda api, customer: api.post(f"{customer}/orders/{order_id}/refunds", body)


def a_cancellation(order_id: str) -> Tell:
    return lambda api, customer: api.post(f"{customer}/orders/{order_id}/cancel")


class RecordContract:
    async def test_an_order_is_answered_with_the_customer_it_changed(self, api: Api) -> None:
        customer = await at(api)
        answer = await api.post(f"{customer}/record-order", ORDER | {"orderNumber": "A-7"})
        shown = (await api.get(customer)).body
        message = {"message": "Order recorded successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": shown})
        spent = Decimal("12.50")
        assert await statistics(api, customer) == [1, spent, spent, spent, DAY, DAY]
        listed = (await api.get(f"{customer}/orders")).body
        assert set(listed[0]) == KEYS
        expected = ORDER | {"orderNumber": "A-7", "currency": "USD", "cancelledAt": None}
        assert {name: listed[0][name] for name in expected} == expected

    async def test_statistics_are_of_all_orders(self, api: Api) -> None:
        customer = await at(api)
        for number, (amount, date) in enumerate([(10, LATER), (20, DAY), ("0.01", LATER)]):
            await an_order(api, customer, f"o-{number}", amount, orderDate=date)
        spent = Decimal("30.01")
        expected = [3, spent, Decimal("10.00"), spent, DAY, LATER]
        assert await statistics(api, customer) == expected

    async def test_the_average_is_rounded_half_up(self, api: Api) -> None:
        customer = await at(api)
        for number, amount in enumerate(["0.01", "0.02"]):
            await an_order(api, customer, f"o-{number}", amount)
        assert (await api.get(customer)).body["averageOrderValue"] == Decimal("0.02")

    async def test_an_order_without_a_date_is_of_now(self, api: Api) -> None:
        customer = await at(api)
        for date in ({}, {"orderDate": None}):
            await an_order(api, customer, f"o-{len(date)}", 1, **date)
        shown = (await api.get(customer)).body
        assert shown["firstOrderDate"] == shown["lastOrderDate"] == shown["createdAt"]

    @pytest.mark.parametrize("repeat", SAME)
    async def test_an_order_told_again_counts_once(self, api: Api, repeat: dict[str, Any]) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER | {"orderNumber": "A-7"})
        before = (await api.get(customer)).body
        api.clock.forward(days=3)
        answer = await api.post(f"{customer}/record-order", repeat)
        assert (answer.status, answer.body["duplicate"]) == (200, True)
        assert answer.body["customer"] == before == (await api.get(customer)).body
        assert (await api.get(f"{customer}/orders")).body[0]["orderNumber"] == "A-7"

    @pytest.mark.parametrize("other", DIFFERENT)
    async def test_an_order_told_differently_is_a_conflict(
        self, api: Api, other: dict[str, Any]
    ) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        before = (await api.get(customer)).body
        answer = await api.post(f"{customer}/record-order", other)
        assert (answer.status, answer.code) == (409, "ORDER_CONFLICT")
        assert (await api.get(customer)).body == before

    async def test_a_date_where_none_was_told_is_a_conflict(self, api: Api) -> None:
        customer = await at(api)
        await an_order(api, customer, "o-1", 1)
        date = (await api.get(f"{customer}/orders")).body[0]["orderDate"]
        body = {"orderId": "o-1", "totalAmount": 1, "orderDate": date}
        assert (await api.post(f"{customer}/record-order", body)).code == "ORDER_CONFLICT"

    async def test_an_order_of_another_customer_is_a_conflict(self, api: Api) -> None:
        customer, other = await at(api), await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        for answer in (
            await api.post(f"{other}/record-order", ORDER),
            await refund(api, other, "r-1", 1),
            await cancel(api, other),
        ):
            assert (answer.status, answer.code) == (409, "ORDER_CONFLICT")
        assert (await statistics(api, other))[0] == 0
        assert (await statistics(api, customer))[0] == 1

    async def test_the_order_numbers_first_telling_is_kept(self, api: Api) -> None:
        customer = await at(api)
        for told in ({}, {"orderNumber": "A"}, {"orderNumber": "B"}):
            await api.post(f"{customer}/record-order", ORDER | told)
        assert (await api.get(f"{customer}/orders")).body[0]["orderNumber"] in ("", "A", None)

    async def test_an_order_of_more_than_a_day_ahead_is_refused(self, api: Api) -> None:
        customer = await at(api)
        for date, status in (("2026-01-16T09:00:01Z", 400), ("2026-01-16T09:00:00Z", 200)):
            answer = await api.post(f"{customer}/record-order", ORDER | {"orderDate": date})
            assert answer.status == status, date

    @pytest.mark.parametrize("currency", ["EUR", "usdx", "XXX", "$"])
    async def test_another_currency_is_refused_whatever_else_is_wrong(
        self, api: Api, currency: str
    ) -> None:
        customer = await at(api)
        for body in (ORDER, {}, {"orderId": 1, "totalAmount": "x"}):
            answer = await api.post(f"{customer}/record-order", body | {"currency": currency})
            assert (answer.status, answer.code) == (400, "CURRENCY_MISMATCH")
            assert "/currency" in answer.pointers
        assert (await statistics(api, customer))[0] == 0

    async def test_an_unknown_or_deleted_customer_has_no_orders(self, api: Api) -> None:
        deleted = await at(api)
        await api.post(f"{deleted}/record-order", ORDER)
        await api.delete(deleted)
        for customer in (deleted, f"/customers/{an_unknown_id()}"):
            for answer in (
                await api.post(f"{customer}/record-order", ORDER | {"orderId": "o-2"}),
                await api.post(f"{customer}/orders/o-2/refunds", {"refundId": "r", "amount": 1}),
                await api.post(f"{customer}/orders/o-2/cancel"),
            ):
                assert (answer.status, answer.code) == (404, "CUSTOMER_NOT_FOUND")

    async def test_an_order_told_by_many_at_once_counts_once(self, api: Api) -> None:
        customer = await at(api)
        telling = [api.post(f"{customer}/record-order", ORDER) for _ in range(32)]
        answers = await asyncio.gather(*telling)
        assert [answer.status for answer in answers] == [200] * 32
        assert [answer.body["duplicate"] for answer in answers].count(False) == 1
        assert (await statistics(api, customer))[:2] == [1, Decimal("12.50")]


class RefundContract:
    async def test_a_refund_lowers_the_spend(self, api: Api) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        answer = await refund(api, customer, "r-1", "2.50", refundedAt=LATER)
        shown = (await api.get(customer)).body
        message = {"message": "Refund recorded successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": shown})
        assert await statistics(api, customer) == [1, 10, 10, 10, DAY, DAY]
        assert (await api.get(f"{customer}/orders")).body[0]["refundedAmount"] == Decimal("2.5")

    async def test_refunds_add_up_to_the_order_and_no_more(self, api: Api) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        assert (await refund(api, customer, "r-1", "12.49")).status == 200
        before = await statistics(api, customer)
        answer = await refund(api, customer, "r-2", "0.02")
        assert (answer.status, answer.code) == (409, "REFUND_EXCEEDS_ORDER")
        assert await statistics(api, customer) == before
        assert (await refund(api, customer, "r-2", "0.01")).status == 200
        assert (await statistics(api, customer))[:2] == [1, 0]

    async def test_a_refund_told_again_counts_once(self, api: Api) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        await refund(api, customer, "r-1", 2)
        before = (await api.get(customer)).body
        for amount in (2, "2.00"):
            answer = await refund(api, customer, "r-1", amount)
            assert (answer.status, answer.body["duplicate"]) == (200, True)
            assert answer.body["customer"] == before
        other = await refund(api, customer, "r-1", 3)
        assert (other.status, other.code) == (409, "REFUND_CONFLICT")

    async def test_one_refund_id_may_belong_to_several_orders(self, api: Api) -> None:
        customer = await at(api)
        for order in ("o-1", "o-2"):
            await an_order(api, customer, order, 10)
            body = {"refundId": "r-1", "amount": 4}
            answer = await api.post(f"{customer}/orders/{order}/refunds", body)
            assert answer.body["duplicate"] is False
        assert (await statistics(api, customer))[1] == 12

    async def test_refunds_of_many_at_once_never_exceed_the_order(self, api: Api) -> None:
        customer = await at(api)
        await an_order(api, customer, "o-1", 10)
        telling = [refund(api, customer, f"r-{number}", 3) for number in range(12)]
        answers = await asyncio.gather(*telling)
        assert sorted(answer.status for answer in answers) == [200] * 3 + [409] * 9
        assert (await statistics(api, customer))[1] == 1


class CancelContract:
    @pytest.mark.parametrize("body", [NOTHING, b"", b"{}"])
    async def test_a_cancelled_order_stops_counting(self, api: Api, body: Any) -> None:
        customer = await at(api)
        await an_order(api, customer, "o-2", 5, orderDate=LATER)
        await api.post(f"{customer}/record-order", ORDER)
        answer = await api.post(f"{customer}/orders/o-1/cancel", body)
        shown = (await api.get(customer)).body
        message = {"message": "Order cancelled successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": shown})
        assert await statistics(api, customer) == [1, 5, 5, 5, LATER, LATER]
        listed = {each["orderId"]: each for each in (await api.get(f"{customer}/orders")).body}
        assert [listed[name]["cancelledAt"] is None for name in ("o-1", "o-2")] == [False, True]

    async def test_with_no_orders_left_statistics_are_as_at_first(self, api: Api) -> None:
        customer = await at(api)
        before = await statistics(api, customer)
        await api.post(f"{customer}/record-order", ORDER)
        await refund(api, customer, "r-1", 2)
        await cancel(api, customer)
        assert await statistics(api, customer) == before == [0, 0, 0, 0, None, None]

    async def test_a_cancellation_told_again_changes_nothing(self, api: Api) -> None:
        customer = await at(api)
        await api.post(f"{customer}/record-order", ORDER)
        await cancel(api, customer)
        before = (await api.get(customer)).body
        answer = await cancel(api, customer)
        assert (answer.status, answer.body["duplicate"]) == (200, True)
        assert answer.body["customer"] == before
        again = await api.post(f"{customer}/record-order", ORDER)
        assert (again.body["duplicate"], again.body["customer"]) == (True, before)


class LedgerContract:
    async def test_facts_of_an_order_end_the_same_in_any_order(self, api: Api) -> None:
        facts = [an_order_fact("o-1", 10, 1), a_refund_fact("o-1", "r-1", 4), a_cancellation("o-1")]
        ends = []
        for number, told in enumerate(permutations([*facts, an_order_fact("o-2", 7, 2)])):
            each = api.of_tenant(f"{api.tenant}-{number}")
            customer = await at(each)
            for fact in told:
                answer = await fact(each, customer)
                assert (answer.status, answer.body["duplicate"]) == (200, False)
            ends.append(await statistics(each, customer))
        assert ends == [ends[0]] * 24
        assert ends[0][:2] == [1, 7]

    async def test_facts_of_many_orders_told_often_and_at_once_end_the_same(self, api: Api) -> None:
        facts = [an_order_fact(f"o-{day}", day, day) for day in range(1, 9)]
        facts += [a_refund_fact(f"o-{day}", f"r-{part}", 1) for day in (4, 5) for part in (1, 2)]
        facts += [a_cancellation("o-8"), a_cancellation("o-5")]
        random.Random(7).shuffle(told := facts * 4)
        customer = await at(api)
        answers = await asyncio.gather(*(fact(api, customer) for fact in told))
        assert {answer.status for answer in answers} == {200}
        assert [answer.body["duplicate"] for answer in answers].count(False) == len(facts)
        first, last = "2026-01-01T00:00:00Z", "2026-01-07T00:00:00Z"
        spent, average = Decimal(21), Decimal("3.50")
        assert await statistics(api, customer) == [6, spent, average, spent, first, last]

    async def test_a_refund_waits_for_its_order(self, api: Api) -> None:
        customer = await at(api)
        answer = await refund(api, customer, "r-1", 4)
        assert (answer.status, answer.body["duplicate"]) == (200, False)
        assert (await statistics(api, customer))[:2] == [0, 0]
        assert (await refund(api, customer, "r-1", 4)).body["duplicate"] is True
        assert (await an_order(api, customer, "o-1", 10)).body["duplicate"] is False
        assert (await statistics(api, customer))[:2] == [1, 6]

    async def test_an_order_for_less_than_its_waiting_refunds_is_fully_refunded(
        self, api: Api
    ) -> None:
        customer = await at(api)
        await refund(api, customer, "r-1", 4)
        await refund(api, customer, "r-2", 8)
        await an_order(api, customer, "o-1", 10)
        assert (await statistics(api, customer))[:3] == [1, 0, 0]
        assert (await refund(api, customer, "r-3", 1)).code == "REFUND_EXCEEDS_ORDER"

    @pytest.mark.parametrize("order_id", ODD_IDS)
    async def test_order_ids_are_any_visible_characters(self, api: Api, order_id: str) -> None:
        customer = await at(api)
        await an_order(api, customer, order_id, 10)
        path = f"{customer}/orders/{quoted(order_id)}"
        answer = await api.post(f"{path}/refunds", {"refundId": order_id, "amount": 4})
        assert answer.status == 200, answer
        assert (await statistics(api, customer))[1] == 6
        assert (await api.post(f"{path}/cancel")).body["duplicate"] is False
        listed = (await api.get(f"{customer}/orders")).body
        assert [each["orderId"] for each in listed] == [order_id]

    @pytest.mark.parametrize("order_id", ["%20", "%00", "a%20b", "%C3%A9", "x" * 101])
    async def test_other_order_ids_in_paths_are_refused(self, api: Api, order_id: str) -> None:
        customer = await at(api)
        assert (await api.post(f"{customer}/orders/{order_id}/cancel")).status == 400

    async def test_orders_are_listed_newest_first(self, api: Api) -> None:
        customer = await at(api)
        for number, date in enumerate([DAY, LATER, "2026-01-02T00:00:00Z"]):
            await an_order(api, customer, f"o-{number}", 1, orderDate=date)
        listed = (await api.get(f"{customer}/orders")).body
        assert [each["orderId"] for each in listed] == ["o-1", "o-2", "o-0"]
