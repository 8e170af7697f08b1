"""What belongs to a shopper, over REST: addresses, payment methods and orders."""

from typing import Any

import pytest

from customers.core.ports.storage import Storage
from tests.contract.api.storefront import OWN, a_shopper, stored
from tests.support.api_steps import ADDRESS, an_unknown_id, new_method
from tests.support.shoppers import Client, behind_gateway

ADDRESSES, METHODS, ORDERS = (
    f"{OWN}/me/{name}" for name in "addresses payment-methods orders".split()
)
METHOD_KEYS = {"id", "cardBrand", "lastFour", "expiryMonth", "expiryYear", "isDefault"}


async def an_address(shopper: Client, **fields: Any) -> dict[str, Any]:
    answer = await shopper.post(ADDRESSES, ADDRESS | fields)
    assert answer.status == 201, answer
    return dict(answer.body["data"])


async def a_method(platform: Client, customer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    path = f"/customers/{customer['id']}/payment-methods"
    answer = await platform.post(path, new_method(**fields))
    assert answer.status == 201, answer
    return dict(answer.body)


async def record_orders(platform: Client, customer: dict[str, Any], number: int) -> None:
    """Records `number` orders, o-1, o-2 and so on, dated a day apart."""
    for day in range(1, number + 1):
        date = f"2025-01-{day:02}T00:00:00Z"
        body = {"orderId": f"o-{day}", "totalAmount": 10, "orderDate": date}
        path = f"/customers/{customer['id']}/record-order"
        assert (await platform.post(path, body)).status == 200


class OwnAddressContract:
    async def test_a_shopper_adds_changes_and_removes_addresses(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            first, second = await an_address(shopper), await an_address(shopper)
            path = f"{ADDRESSES}/{second['id']}"
            put = (await shopper.send("PUT", path, {"city": "Oslo", "label": "x"})).body["data"]
            assert (put["city"], put["label"], put["isDefault"]) == ("Oslo", "x", False)
            assert (await shopper.patch(path, {"label": None})).body["data"]["label"] == ""
            assert (await shopper.patch(path)).body["data"]["isDefault"] is True
            listed = (await shopper.get(ADDRESSES)).body
            assert [one["id"] for one in listed["data"]] == [second["id"], first["id"]]
            assert listed == (await platform.get(f"/customers/{customer['id']}/addresses")).body
            assert (await shopper.get(path)).body["data"] == listed["data"][0]
            assert (await shopper.delete(path)).body["success"] is True
            assert (await shopper.get(path)).error == (404, "ADDRESS_NOT_FOUND")

    async def test_an_address_of_another_customer_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            other, _ = await a_shopper(platform)
            theirs = await an_address(other)
            for method, body in (("GET", None), ("PUT", {}), ("PATCH", {}), ("DELETE", {})):
                answers = [
                    await shopper.send(
                        method, f"{ADDRESSES}/{id}", *([] if body is None else [body])
                    )
                    for id in (theirs["id"], an_unknown_id())
                ]
                assert {answer.error for answer in answers} == {(404, "ADDRESS_NOT_FOUND")}
                assert len({answer.raw for answer in answers}) == 1
            assert (await other.get(ADDRESSES)).body["data"] == [theirs]

    async def test_the_addresses_of_somebody_else_are_refused_in_the_wrapped_form(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            other, customer = await a_shopper(platform)
            for shopper_id in (customer["id"], other.subject, an_unknown_id(), "mee"):
                path = f"{OWN}/{shopper_id}/addresses"
                for answer in (await shopper.get(path), await shopper.post(path, ADDRESS)):
                    assert answer.error == (403, "NOT_YOUR_RESOURCE")
                    assert answer.body["success"] is False
            assert (await other.get(ADDRESSES)).body["count"] == 0


class OwnPaymentMethodContract:
    async def test_payment_methods_are_shown_without_their_tokens(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            card = {"cardBrand": "visa", "lastFour": "4242", "expiryMonth": 7, "expiryYear": 2031}
            method = await a_method(platform, customer, **card)
            await a_method(platform, customer, isActive=False)
            answer = await shopper.get(METHODS)
            assert answer.body == [card | {"id": method["id"], "isDefault": True}]
            assert answer.body[0].keys() == METHOD_KEYS

    async def test_a_shopper_removes_their_own_payment_methods_only(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            other, another = await a_shopper(platform)
            own, theirs = await a_method(platform, customer), await a_method(platform, another)
            for method_id in (theirs["id"], an_unknown_id()):
                answer = await shopper.delete(f"{METHODS}/{method_id}")
                assert answer.error == (404, "PAYMENT_METHOD_NOT_FOUND")
            assert (await shopper.delete(f"{METHODS}/{own['id']}")).status == 200
            assert (await shopper.get(METHODS)).body == []
            assert len((await other.get(METHODS)).body) == 1


class OwnOrderContract:
    async def test_a_shopper_walks_their_own_orders(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await record_orders(platform, customer, 3)
            first = await shopper.get(f"{ORDERS}?limit=2")
            assert [order["orderId"] for order in first.body] == ["o-3", "o-2"]
            second = await shopper.get(first.link("next") or "")
            assert [order["orderId"] for order in second.body] == ["o-1"]
            expected = (await platform.get(f"/customers/{customer['id']}/orders")).body
            assert first.body + second.body == expected

    async def test_a_cursor_is_good_for_its_shopper_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            other, _ = await a_shopper(platform)
            await record_orders(platform, customer, 2)
            following = (await shopper.get(f"{ORDERS}?limit=1")).link("next") or ""
            assert (await shopper.get(following)).status == 200
            answer = await other.get(following)
            assert (answer.status, answer.fields) == (400, {"cursor"})


@pytest.mark.parametrize("base", ["", "/api/v1"])
class MobileAppContract:
    async def test_the_profile_and_what_belongs_to_it_are_wrapped(
        self, storage: Storage, tenant: str, base: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            address, _ = await an_address(shopper), await a_method(platform, customer)
            me = (await shopper.get("/customers/me", base=base)).body
            assert me == {"success": True, "data": (await shopper.get(f"{OWN}/me")).body}
            addresses = (await shopper.get("/customers/me/addresses", base=base)).body
            meta = {"page": 1, "limit": 20, "total": 1, "total_pages": 1}
            assert addresses == {"success": True, "data": [address], "meta": meta}
            methods = (await shopper.get("/customers/me/payment-methods", base=base)).body
            expected = (await shopper.get(METHODS)).body
            assert methods == {"success": True, "data": expected, "meta": meta | {"limit": 50}}

    async def test_addresses_and_payment_methods_come_in_pages_by_number(
        self, storage: Storage, tenant: str, base: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            for number in range(3):
                await an_address(shopper)
                await a_method(platform, customer, gatewayPaymentMethodId=f"pm-{tenant}-{number}")
            for path, most in (
                ("/customers/me/addresses", 20),
                ("/customers/me/payment-methods", 50),
            ):
                everything = (await shopper.get(path, base=base)).body["data"]
                for page, start in ((1, 0), (2, 2), (3, 4)):
                    answer = await shopper.get(f"{path}?page={page}&limit=2", base=base)
                    meta = {"page": page, "limit": 2, "total": 3, "total_pages": 2}
                    assert answer.body["meta"] == meta
                    assert answer.body["data"] == everything[start : start + 2]
                largest = (await shopper.get(f"{path}?limit=1000", base=base)).body
                assert (largest["meta"]["limit"], largest["data"]) == (most, everything)

    async def test_orders_come_in_pages_by_number(
        self, storage: Storage, tenant: str, base: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await record_orders(platform, customer, 3)
            pages = {1: ["o-3", "o-2"], 2: ["o-1"], 3: [], 10**20: []}
            for page, expected in pages.items():
                path = f"/customers/me/orders?page={page}&limit=2"
                body = (await shopper.get(path, base=base)).body
                assert [order["orderId"] for order in body["data"]] == expected
                meta = {"page": min(page, 10**15), "limit": 2, "total": 3, "total_pages": 2}
                assert body["meta"] == meta
            body = (await shopper.get("/customers/me/orders?limit=1000", base=base)).body
            assert body["meta"] == {"page": 1, "limit": 200, "total": 3, "total_pages": 1}

    async def test_orders_are_filtered_by_status(
        self, storage: Storage, tenant: str, base: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await record_orders(platform, customer, 4)
            orders = f"/customers/{customer['id']}/orders"
            await platform.post(f"{orders}/o-1/cancel")
            await platform.post(f"{orders}/o-2/refunds", {"refundId": "r", "amount": 10})
            await platform.post(f"{orders}/o-3/refunds", {"refundId": "r", "amount": 9})
            await platform.post(f"{orders}/o-4/refunds", {"refundId": "r", "amount": 10})
            await platform.post(f"{orders}/o-4/cancel")
            orders_by_status = {}
            for status in ("completed", "REFUNDED", "Cancelled", ""):
                path = f"/customers/me/orders?status={status}"
                body = (await shopper.get(path, base=base)).body
                assert body["meta"]["total"] == len(body["data"])
                orders_by_status[status] = [(one["orderId"], one["status"]) for one in body["data"]]
            completed, refunded = [("o-3", "completed")], [("o-2", "refunded")]
            cancelled = [("o-4", "cancelled"), ("o-1", "cancelled")]
            assert orders_by_status == {
                "completed": completed,
                "REFUNDED": refunded,
                "Cancelled": cancelled,
                "": [cancelled[0], *completed, *refunded, cancelled[1]],
            }

    async def test_what_is_wrong_is_said_in_the_wrapped_form(
        self, storage: Storage, tenant: str, base: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            for query in ("status=lost", "page=0", "limit=x", "statuss=cancelled", "cursor=x"):
                answer = await shopper.get(f"/customers/me/orders?{query}", base=base)
                assert (answer.status, answer.body["success"]) == (400, False)
            for query in ("addresses?page=0", "payment-methods?limit=x"):
                answer = await shopper.get(f"/customers/me/{query}", base=base)
                assert (answer.status, answer.body["success"]) == (400, False)
            nobody = await platform.shopper().get("/customers/me", base=base)
            assert nobody.error == (404, "CUSTOMER_NOT_FOUND")
            assert nobody.body["success"] is False
            staff = await platform.get("/customers/me/addresses", base=base)
            assert staff.error == (403, "SHOPPER_REQUIRED")
            assert staff.body["success"] is False


class NeighbourPathContract:
    async def test_me_is_no_customer_id_and_other_words_are_malformed_ones(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            for word in ("mee", "ME", "m", "me2"):
                assert (await platform.get(f"/customers/{word}")).error == (
                    400,
                    "VALIDATION_FAILED",
                )
            answer = await platform.send("PUT", "/customers/me", {})
            assert answer.error == (405, "METHOD_NOT_ALLOWED")
            assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
            assert (await platform.get("/customers/me/notes")).error == (404, "NOT_FOUND")

    async def test_an_order_counts_in_the_profile(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await record_orders(platform, customer, 2)
            body = (await shopper.get(f"{OWN}/me")).body
            assert (body["totalOrders"], body["totalSpent"]) == (2, 20)
            assert (await stored(platform, customer))["totalOrders"] == 2


class OwnDataContract:
    async def test_a_shopper_gets_everything_but_who_of_the_staff_wrote_it(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await a_method(platform, customer, gatewayPaymentMethodId="tok-never-shown")
            staff = platform.with_headers({"X-User-ID": an_unknown_id()})
            path = f"/customers/{customer['id']}/notes"
            assert (await staff.post(path, {"note": "likes tea"})).status == 201
            answer = await shopper.get(f"{OWN}/me/data")
            assert answer.status == 200
            assert answer.headers["Content-Disposition"].startswith("attachment;")
            data = answer.body["data"]
            assert data["customers"][0]["email"] == customer["email"]
            [note] = data["customer_notes"]
            assert note["note"] == "likes tea"
            assert "createdBy" not in note
            assert "tok-never-shown" not in answer.raw.decode()

    async def test_the_data_of_somebody_else_is_not_the_shoppers(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            _, other = await a_shopper(platform)
            for name in (other["id"], other["userId"], an_unknown_id(), "nonsense"):
                answer = await shopper.get(f"{OWN}/{name}/data")
                assert answer.error == (403, "NOT_YOUR_RESOURCE")
