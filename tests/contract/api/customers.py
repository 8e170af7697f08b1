"""Creating, reading and updating customers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    REASON,
    USER,
    a_customer,
    a_method,
    an_address,
    an_order,
    an_unknown_id,
    customer_path,
    new_customer,
    select,
)

KEYS = set(
    "id tenantId userId email firstName lastName phone status customerType totalOrders totalSpent "
    "averageOrderValue lifetimeValue currency firstOrderDate lastOrderDate country countryCode "
    "avatarUrl tags notes marketingOptIn emailVerified createdAt updatedAt version".split()
)
ALL: dict[str, Any] = {
    "firstName": "Grace",
    "lastName": "Hopper",
    "phone": "+1 (415) 555-0100 x12",
    "dateOfBirth": "1990-01-31",
    "country": "Côte d'Ivoire",
    "countryCode": "ci",
    "avatarUrl": "https://example.test/a.png?x=%20&y=1",
    "customerType": "vip",
    "marketingOptIn": True,
    "tags": ["Early-Adopter", "vip"],
    "notes": "first line\n\tsecond line",
}
SHOWN = ALL | {"dateOfBirth": "1990-01-31T00:00:00Z", "countryCode": "CI", "customerType": "VIP"}
SAME_EMAIL = [
    ("ada@example.test", " ADA@Example.Test "),
    ("É@example.test", "e\u0301@example.test"),
]
OTHER_EMAIL = [
    ("straße@example.test", "strasse@example.test"),
    ("ada@example.test", "ada+1@example.test"),
    ("a_b@example.test", "axb@example.test"),
]


class CustomerCreateContract:
    async def test_a_new_customer_has_every_key(self, api: Api) -> None:
        body: dict[str, Any] = {"email": "Ada@Example.test", "firstName": "Ada", "lastName": ""}
        answer = await api.post("/customers", body)
        assert (answer.status, set(answer.body)) == (201, KEYS)
        assert answer.headers["Location"].endswith(f"/api/v1/customers/{answer.body['id']}")
        expected = body | {
            "tenantId": api.tenant,
            "userId": None,
            "phone": "",
            "status": "ACTIVE",
            "customerType": "RETAIL",
            "totalOrders": 0,
            "currency": "USD",
            "firstOrderDate": None,
            "tags": [],
            "marketingOptIn": False,
            "version": 1,
        }
        assert select(answer.body, expected) == expected

    async def test_every_field_of_a_new_customer_is_stored(self, api: Api) -> None:
        customer = await a_customer(api, **ALL, userId=USER)
        assert select(customer, SHOWN) == SHOWN
        assert customer["userId"] == USER
        assert (await api.get(f"/customers/{customer['id']}")).body == customer

    async def test_read_only_fields_are_ignored(self, api: Api) -> None:
        body = {"id": an_unknown_id(), "totalSpent": 9, "version": 7, "emailVerified": True}
        customer = await a_customer(api, **body, createdAt="2001-01-01T00:00:00Z", status="BLOCKED")
        assert customer["id"] != body["id"]
        ignored = select(customer, ["totalSpent", "version", "emailVerified", "status"])
        assert list(ignored.values()) == [0, 1, False, "ACTIVE"]

    @pytest.mark.parametrize(("first", "second"), SAME_EMAIL)
    async def test_a_taken_email_returns_the_stored_customer_unchanged(
        self, api: Api, first: str, second: str
    ) -> None:
        stored = await a_customer(api, email=first)
        api.clock.forward(hours=1)
        answer = await api.post("/customers", new_customer(**ALL, email=second))
        assert (answer.status, answer.body) == (200, stored)
        assert (await api.get("/customers")).body["total"] == 1

    @pytest.mark.parametrize(("first", "second"), OTHER_EMAIL)
    async def test_similar_emails_are_different_customers(
        self, api: Api, first: str, second: str
    ) -> None:
        ids = {(await a_customer(api, email=email))["id"] for email in (first, second)}
        assert len(ids) == 2

    async def test_a_taken_email_only_adds_a_missing_account(self, api: Api) -> None:
        stored = await a_customer(api, email="ada@example.test")
        body = new_customer(email="ada@example.test", firstName="Eve", userId=USER)
        linked = (await api.post("/customers", body)).body
        assert (linked["userId"], linked["firstName"]) == (USER, stored["firstName"])
        assert linked["version"] == stored["version"] + 1
        again = await api.post("/customers", body | {"userId": an_unknown_id()})
        assert (again.status, again.body) == (200, linked)

    async def test_concurrent_requests_with_one_email_create_one_customer(self, api: Api) -> None:
        body = new_customer()
        requests = [api.post("/customers", body | {"firstName": str(n)}) for n in range(20)]
        answers = await asyncio.gather(*requests)
        assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
        assert len({answer.body["id"] for answer in answers}) == 1
        assert len({answer.body["firstName"] for answer in answers}) == 1
        assert (await api.get("/customers")).body["total"] == 1


class CustomerReadContract:
    async def test_a_customer_has_an_etag(self, api: Api) -> None:
        customer = await a_customer(api)
        answer = await api.get(f"/customers/{customer['id']}")
        assert answer.body == customer
        assert answer.headers["ETag"].startswith('"')

    async def test_an_unchanged_customer_is_not_sent_again(self, api: Api) -> None:
        tag = (await api.get(customer := await customer_path(api))).headers["ETag"]
        for condition in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            answer = await api.get(customer, headers={"If-None-Match": condition})
            assert (answer.status, answer.headers["ETag"]) == (304, tag)
        await api.put(customer, {"phone": "1"})
        changed = await api.get(customer, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag

    async def test_addresses_and_payment_methods_are_shown_if_there_are_any(self, api: Api) -> None:
        customer = await customer_path(api)
        assert set((await api.get(customer)).body) == KEYS
        address = await an_address(api, customer)
        assert set((await api.get(customer)).body) == KEYS | {"addresses"}
        method = await a_method(api, customer)
        body = (await api.get(customer)).body
        assert (body["addresses"], body["paymentMethods"]) == ([address], [method])
        await api.delete(f"{customer}/addresses/{address['id']}")
        assert set((await api.get(customer)).body) == KEYS | {"paymentMethods"}

    async def test_a_batch_is_in_request_order_with_repeats(self, api: Api) -> None:
        one, other, unknown = await a_customer(api), await a_customer(api), an_unknown_id()
        address = await an_address(api, f"/customers/{one['id']}")
        one = (await api.get(f"/customers/{one['id']}")).body
        assert one["addresses"] == [address]
        ids = [other["id"], unknown, one["id"].upper(), other["id"]]
        answer = await api.get(f"/customers/batch?ids={','.join(ids)}")
        items = [
            {"id": customer["id"], "found": True, "customer": customer} for customer in (other, one)
        ]
        customers = [items[0], {"id": unknown, "found": False}, items[1], items[0]]
        summary = {"requested": 4, "found": 3, "notFound": 1}
        data = {"customers": customers, "summary": summary}
        assert (answer.status, answer.body) == (200, {"success": True, "data": data})

    async def test_a_batch_has_at_most_a_hundred_ids(self, api: Api) -> None:
        ids = [an_unknown_id() for _ in range(101)]
        assert (await api.get(f"/customers/batch?ids={','.join(ids[1:])}")).status == 200
        assert (await api.get(f"/customers/batch?ids={','.join(ids)}")).status == 400


class CustomerUpdateContract:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_sets_every_field(self, api: Api, method: str) -> None:
        customer = await customer_path(api)
        body = ALL | {"email": f"New-{new_customer()['email']}", "status": "inactive"}
        answer = await api.send(method, customer, body)
        assert answer.status == 200
        assert select(answer.body, SHOWN) == SHOWN
        assert (answer.body["email"], answer.body["status"]) == (body["email"], "INACTIVE")
        assert (await api.get(customer)).body == answer.body

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_leaves_other_fields_unchanged(self, api: Api, method: str) -> None:
        before = await a_customer(api, **ALL, userId=USER)
        path = f"/customers/{before['id']}"
        answer = await api.send(method, path, {"phone": "1", "userId": an_unknown_id(), "id": "x"})
        changed = {"phone": "1", "version": before["version"] + 1}
        assert answer.body == before | changed

    async def test_put_ignores_null(self, api: Api) -> None:
        before = await a_customer(api, **ALL)
        answer = await api.put(f"/customers/{before['id']}", dict.fromkeys(KEYS | set(ALL)))
        assert (answer.status, answer.body) == (200, before)

    async def test_patch_clears_optional_fields_with_null(self, api: Api) -> None:
        before = await a_customer(api, **ALL)
        names = ["lastName", "phone", "dateOfBirth", "country", "countryCode", "avatarUrl", "notes"]
        body = dict.fromkeys([*names, "tags"])
        answer = await api.patch(f"/customers/{before['id']}", body)
        assert answer.status == 200
        assert "dateOfBirth" not in answer.body
        cleared = select(answer.body, [name for name in body if name != "dateOfBirth"])
        assert cleared == dict.fromkeys(cleared, "") | {"tags": []}

    @pytest.mark.parametrize("name", ["email", "firstName", "status"])
    async def test_patch_refuses_null_for_required_fields(self, api: Api, name: str) -> None:
        answer = await api.patch(await customer_path(api), {name: None})
        assert (answer.status, answer.pointers) == (400, {f"/{name}"})

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_email_of_another_customer_is_taken(self, api: Api, method: str) -> None:
        await a_customer(api, email="ada@example.test")
        customer = await customer_path(api)
        before = (await api.get(customer)).body
        answer = await api.send(method, customer, {"email": "ADA@example.test", "phone": "1"})
        assert answer.error == (409, "EMAIL_TAKEN")
        assert (await api.get(customer)).body == before

    async def test_a_customer_can_change_the_case_of_their_email(self, api: Api) -> None:
        customer = await customer_path(api, email="ada@example.test")
        assert (await api.put(customer, {"email": "Ada@Example.test"})).status == 200
        assert (await api.get(customer)).body["email"] == "Ada@Example.test"

    async def test_every_visible_change_increments_the_version(self, api: Api) -> None:
        customer = await customer_path(api)
        refund = {"refundId": "r", "amount": 1}
        steps: list[Callable[[], Awaitable[Any]]] = [
            lambda: api.put(customer, {"phone": "1"}),
            lambda: api.patch(customer, {"notes": "x"}),
            lambda: an_address(api, customer),
            lambda: a_method(api, customer),
            lambda: an_order(api, customer, "o-1", 5),
            lambda: api.post(f"{customer}/orders/o-1/refunds", refund),
            lambda: api.post(f"{customer}/orders/o-1/cancel"),
            lambda: api.post(f"{customer}/lock", REASON),
        ]
        for number, step in enumerate(steps, start=1):
            await step()
            assert (await api.get(customer)).body["version"] == number + 1

    async def test_every_change_makes_old_etags_stale(self, api: Api) -> None:
        customer = await customer_path(api)
        tag = (await api.get(customer)).headers["ETag"]
        await an_address(api, customer)
        assert (await api.get(customer, headers={"If-None-Match": tag})).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers={"If-Match": tag})).status == 412
