"""Recording orders over REST, and the statistics of a customer."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api_client import Answer, Api
from tests.support.api_steps import an_order, an_unknown_id, customer_path, select

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


async def statistics(api: Api, customer: str) -> list[Any]:
    profile = (await api.get(customer)).body
    return [profile[name] for name in STATISTICS]


async def refund(api: Api, customer: str, refund_id: str, amount: Any, **fields: Any) -> Answer:
    """Records a refund of order o-1."""
    body = {"refundId": refund_id, "amount": amount} | fields
    return await api.post(f"{customer}/orders/o-1/refunds", body)


async def cancel(api: Api, customer: str) -> Answer:
    return await api.post(f"{customer}/orders/o-1/cancel")


DIFFERENCE = ("field", "pointer", "given", "stored")


class RecordOrderContract:
    async def test_recording_an_order_returns_the_changed_customer(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await api.post(f"{customer}/record-order", ORDER | {"orderNumber": "A-7"})
        profile = (await api.get(customer)).body
        message = {"message": "Order recorded successfully", "duplicate": False}
        assert (answer.status, answer.body) == (200, message | {"customer": profile})
        spent = Decimal("12.50")
        assert await statistics(api, customer) == [1, spent, spent, spent, DAY, DAY]
        listed = (await api.get(f"{customer}/orders")).body
        assert set(listed[0]) == KEYS
        expected = ORDER | {"orderNumber": "A-7", "currency": "USD", "cancelledAt": None}
        assert select(listed[0], expected) == expected

    async def test_statistics_cover_all_orders(self, api: Api) -> None:
        customer = await customer_path(api)
        for number, (amount, date) in enumerate([(10, LATER), (20, DAY), ("0.01", LATER)]):
            await an_order(api, customer, f"o-{number}", amount, orderDate=date)
        spent = Decimal("30.01")
        expected = [3, spent, Decimal("10.00"), spent, DAY, LATER]
        assert await statistics(api, customer) == expected

    async def test_the_average_is_rounded_half_up(self, api: Api) -> None:
        customer = await customer_path(api)
        for number, amount in enumerate(["0.01", "0.02"]):
            await an_order(api, customer, f"o-{number}", amount)
        assert (await api.get(customer)).body["averageOrderValue"] == Decimal("0.02")

    async def test_an_order_without_a_date_is_dated_now(self, api: Api) -> None:
        customer = await customer_path(api)
        for date in ({}, {"orderDate": None}):
            await an_order(api, customer, f"o-{len(date)}", 1, **date)
        profile = (await api.get(customer)).body
        assert profile["firstOrderDate"] == profile["lastOrderDate"] == profile["createdAt"]

    @pytest.mark.parametrize("repeat", SAME)
    async def test_a_repeated_order_counts_once(self, api: Api, repeat: dict[str, Any]) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER | {"orderNumber": "A-7"})
        before = (await api.get(customer)).body
        api.clock.forward(days=3)
        answer = await api.post(f"{customer}/record-order", repeat)
        assert (answer.status, answer.body["duplicate"]) == (200, True)
        assert answer.body["customer"] == before == (await api.get(customer)).body
        assert (await api.get(f"{customer}/orders")).body[0]["orderNumber"] == "A-7"

    @pytest.mark.parametrize("other", DIFFERENT)
    async def test_a_repeated_order_with_other_values_is_a_conflict(
        self, api: Api, other: dict[str, Any]
    ) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        before = (await api.get(customer)).body
        answer = await api.post(f"{customer}/record-order", other)
        assert answer.error == (409, "ORDER_CONFLICT")
        assert (await api.get(customer)).body == before

    async def test_a_repeat_that_adds_a_date_is_a_conflict(self, api: Api) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 1)
        date = (await api.get(f"{customer}/orders")).body[0]["orderDate"]
        body = {"orderId": "o-1", "totalAmount": 1, "orderDate": date}
        assert (await api.post(f"{customer}/record-order", body)).code == "ORDER_CONFLICT"

    async def test_a_conflict_names_what_differs(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        answer = await api.post(
            f"{customer}/record-order", ORDER | {"totalAmount": 20, "orderDate": LATER}
        )
        assert [select(detail, DIFFERENCE) for detail in answer.details] == [
            {"field": "totalAmount", "pointer": "/totalAmount", "given": 20, "stored": 12.5},
            {"field": "orderDate", "pointer": "/orderDate", "given": LATER, "stored": DAY},
        ]

    async def test_a_date_that_was_not_stated_is_null_in_a_conflict(self, api: Api) -> None:
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 1)
        body = {"orderId": "o-1", "totalAmount": 1, "orderDate": DAY}
        [detail] = (await api.post(f"{customer}/record-order", body)).details
        assert (detail["field"], detail["given"], detail["stored"]) == ("orderDate", DAY, None)

    async def test_an_order_recorded_after_its_cancellation_says_so(self, api: Api) -> None:
        customer = await customer_path(api)
        await cancel(api, customer)
        for is_duplicate in (False, True):
            answer = await api.post(f"{customer}/record-order", ORDER)
            assert (answer.body["duplicate"], answer.body["cancelled"]) == (is_duplicate, True)
        assert "cancelled" not in (await an_order(api, customer, "o-2", 1)).body

    async def test_an_order_of_another_customer_is_a_conflict(self, api: Api) -> None:
        customer, other = await customer_path(api), await customer_path(api)
        await api.post(f"{customer}/record-order", ORDER)
        for answer in (
            await api.post(f"{other}/record-order", ORDER),
            await refund(api, other, "r-1", 1),
            await cancel(api, other),
        ):
            assert answer.error == (409, "ORDER_CONFLICT")
            assert answer.details == []
        assert (await statistics(api, other))[0] == 0
        assert (await statistics(api, customer))[0] == 1

    async def test_an_order_dated_over_a_day_ahead_is_refused(self, api: Api) -> None:
        customer = await customer_path(api)
        for date, status in (("2026-01-16T09:00:01Z", 400), ("2026-01-16T09:00:00Z", 200)):
            answer = await api.post(f"{customer}/record-order", ORDER | {"orderDate": date})
            assert answer.status == status, date

    @pytest.mark.parametrize("currency", ["EUR", "usdx", "XXX", "$"])
    async def test_a_wrong_currency_is_refused_before_other_problems(
        self, api: Api, currency: str
    ) -> None:
        customer = await customer_path(api)
        for body in (ORDER, {}, {"orderId": 1, "totalAmount": "x"}):
            answer = await api.post(f"{customer}/record-order", body | {"currency": currency})
            assert answer.error == (400, "CURRENCY_MISMATCH")
            assert "/currency" in answer.pointers
        assert (await statistics(api, customer))[0] == 0

    async def test_an_unknown_or_deleted_customer_has_no_orders(self, api: Api) -> None:
        deleted = await customer_path(api)
        await api.post(f"{deleted}/record-order", ORDER)
        await api.delete(deleted)
        for customer in (deleted, f"/customers/{an_unknown_id()}"):
            for answer in (
                await api.post(f"{customer}/record-order", ORDER | {"orderId": "o-2"}),
                await api.post(f"{customer}/orders/o-2/refunds", {"refundId": "r", "amount": 1}),
                await api.post(f"{customer}/orders/o-2/cancel"),
            ):
                assert answer.error == (404, "CUSTOMER_NOT_FOUND")

    async def test_concurrent_repeats_of_an_order_count_once(self, api: Api) -> None:
        customer = await customer_path(api)
        requests = [api.post(f"{customer}/record-order", ORDER) for _ in range(32)]
        answers = await asyncio.gather(*requests)
        assert [answer.status for answer in answers] == [200] * 32
        assert [answer.body["duplicate"] for answer in answers].count(False) == 1
        assert (await statistics(api, customer))[:2] == [1, Decimal("12.50")]
