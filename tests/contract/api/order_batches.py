"""A batch of orders: each is recorded or refused by itself, and has an outcome of its own."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.support.api_client import Api
from tests.support.api_steps import customer_path
from tests.support.builders import a_tenant

PATH = "/customers/orders/batch"
DAY = "2026-01-10T12:00:00Z"


async def customer_id(api: Api) -> str:
    return (await customer_path(api)).rpartition("/")[2]


def an_order(customer: object, order_id: str = "o-1", amount: object = 10, **more: Any) -> Any:
    return {"customerId": customer, "orderId": order_id, "totalAmount": amount, **more}


async def outcomes(api: Api, *orders: Any, **options: Any) -> list[dict[str, Any]]:
    answer = await api.post(PATH, {"orders": list(orders)}, **options)
    assert answer.status == 200, answer
    assert list(answer.body) == ["outcomes"]
    return list(answer.body["outcomes"])


def brief(outcome: dict[str, Any]) -> tuple[Any, Any]:
    """The status, and the code or whether the order is a duplicate."""
    return outcome["status"], outcome.get("code", outcome.get("duplicate"))


class OrderBatchContract:
    async def test_orders_of_several_customers_are_recorded(self, api: Api) -> None:
        ann, bob = await customer_id(api), await customer_id(api)
        orders = [an_order(ann, "a-1", 10), an_order(bob, "b-1", "2.50"), an_order(ann, "a-2", 5)]
        assert await outcomes(api, *orders) == [
            {
                **{key: order[key] for key in ("customerId", "orderId")},
                "status": 200,
                "duplicate": False,
            }
            for order in orders
        ]
        assert (await api.get(f"/customers/{ann}")).body["totalSpent"] == 15
        assert (await api.get(f"/customers/{bob}")).body["totalSpent"] == Decimal("2.5")

    async def test_outcomes_are_in_the_order_of_the_request(self, api: Api) -> None:
        ann, bob = await customer_id(api), await customer_id(api)
        results = await outcomes(
            api,
            an_order(ann),
            an_order(ann),
            an_order(ann, amount=11),
            an_order(bob),
            an_order(str(uuid4()), "o-2"),
            an_order(ann, "o-3", "much"),
            an_order(ann, "o-4", currency="EUR"),
            an_order("no-id", "o-5"),
            an_order(ann, "o-6"),
        )
        assert list(map(brief, results)) == [
            (200, False),
            (200, True),
            (409, "ORDER_CONFLICT"),
            (409, "ORDER_CONFLICT"),
            (404, "CUSTOMER_NOT_FOUND"),
            (400, "VALIDATION_FAILED"),
            (400, "CURRENCY_MISMATCH"),
            (400, "VALIDATION_FAILED"),
            (200, False),
        ]
        assert [result["orderId"] for result in results[4:]] == ["o-2", "o-3", "o-4", "o-5", "o-6"]

    async def test_a_refused_order_says_why(self, api: Api) -> None:
        ann = await customer_id(api)
        _, conflict, bad = await outcomes(
            api, an_order(ann), an_order(ann, amount=11), {"customerId": ann, "order_id": "o-2"}
        )
        assert conflict["message"].startswith("this order was already recorded")
        [detail] = conflict["details"]
        assert (detail["field"], detail["given"], detail["stored"]) == ("totalAmount", 11, 10)
        assert [detail["field"] for detail in bad["details"]] == ["orderId", "totalAmount"]
        assert "did you mean orderId" in bad["message"]

    async def test_a_batch_can_be_repeated(self, api: Api) -> None:
        ann = await customer_id(api)
        orders = [an_order(ann, f"o-{number}", number, orderDate=DAY) for number in range(1, 21)]
        assert {brief(one) for one in await outcomes(api, *orders)} == {(200, False)}
        assert {brief(one) for one in await outcomes(api, *orders)} == {(200, True)}
        assert (await api.get(f"/customers/{ann}")).body["totalSpent"] == 210

    async def test_a_cancelled_order_says_so(self, api: Api) -> None:
        ann = await customer_id(api)
        await api.post(f"/customers/{ann}/orders/o-1/cancel")
        [outcome] = await outcomes(api, an_order(ann))
        assert (outcome["duplicate"], outcome["cancelled"]) == (False, True)

    async def test_items_that_are_no_orders_have_outcomes(self, api: Api) -> None:
        results = await outcomes(api, 7, None, [], {}, {"customerId": 1, "orderId": "\ud800"})
        assert [result["status"] for result in results] == [400] * 5
        assert [result["customerId"] for result in results] == [None] * 5
        assert results[4]["orderId"] == "?"

    async def test_an_empty_batch_has_no_outcomes(self, api: Api) -> None:
        assert await outcomes(api) == []

    async def test_a_body_that_is_no_batch_is_refused(self, api: Api) -> None:
        for body, code in (
            ({}, "REQUIRED"),
            ({"orders": {}}, "INVALID_TYPE"),
            ({"orders": [{}] * 1_001}, "MAX_LENGTH"),
        ):
            answer = await api.post(PATH, body)
            assert answer.problem == (400, "VALIDATION_FAILED", frozenset({("orders", code)}))
        for key in ("order", "Orders"):
            message = (await api.post(PATH, {key: []})).body["message"]
            assert "did you mean orders?" in message

    async def test_a_customer_of_another_tenant_is_not_found(self, api: Api) -> None:
        ann, other = await customer_id(api), api.of_tenant(a_tenant())
        [outcome] = await outcomes(other, an_order(ann))
        assert brief(outcome) == (404, "CUSTOMER_NOT_FOUND")
        assert (await api.get(f"/customers/{ann}")).body["totalOrders"] == 0

    async def test_an_order_of_another_tenant_is_refused_by_itself(self, api: Api) -> None:
        ann = await customer_id(api)
        results = await outcomes(
            api, an_order(ann, tenantId="another"), an_order(ann, tenantId=api.tenant)
        )
        assert list(map(brief, results)) == [(400, "TENANT_MISMATCH"), (200, False)]

    async def test_strict_handling_refuses_unknown_keys_of_each_order(self, api: Api) -> None:
        ann, strict = await customer_id(api), {"Prefer": "handling=strict"}
        results = await outcomes(
            api, an_order(ann, colour="red"), an_order(ann, "o-2"), headers=strict
        )
        assert list(map(brief, results)) == [(400, "VALIDATION_FAILED"), (200, False)]
        answer = await api.post(PATH, {"orders": [], "colour": "red"}, headers=strict)
        assert answer.problem == (
            400,
            "VALIDATION_FAILED",
            frozenset({("colour", "UNKNOWN_FIELD")}),
        )
