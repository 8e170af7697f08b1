"""Section 4: customers as they are created, read and changed. Addresses and lists are elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contract.api.steps import (
    REASON,
    USER,
    a_customer,
    a_method,
    an_address,
    an_order,
    an_unknown_id,
    at,
    new_customer,
)
from tests.support.api_client import Api

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
SHOWN = ALL | {
    "dateOfBirth": "1990-01-31T00:00:00Z",
    "countryCode": "CI",
    "customerType": "VIP",
}
SAME_EMAIL = [
    ("ada@example.test", " ADA@Example.Test "),
    ("É@example.test", "e\u0301@example.test"),
]
OTHER_EMAIL = [
    ("straße@example.test", "strasse@example.test"),
    ("ada@example.test", "ada+1@example.test"),
    ("a_b@example.test", "axb@example.test"),
]


def only(shown: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: shown[name] for name in names}


class CreateContract:
    async def test_a_new_customer_shows_every_key(self, api: Api) -> None:
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
        assert only(answer.body, expected) == expected

    async def test_a_new_customer_keeps_all_that_was_given(self, api: Api) -> None:
        customer = await a_customer(api, **ALL, userId=USER)
        assert only(customer, SHOWN) == SHOWN
        assert customer["userId"] == USER
        assert (await api.get(f"/customers/{customer['id']}")).body == customer

    async def test_what_a_caller_may_not_set_is_ignored(self, api: Api) -> None:
        body = {"id": an_unknown_id(), "totalSpent": 9, "version": 7, "emailVerified": True}
        customer = await a_customer(api, **body, createdAt="2001-01-01T00:00:00Z", status="BLOCKED")
        assert customer["id"] != body["id"]
        shown = only(customer, ["totalSpent", "version", "emailVerified", "status"])
        assert list(shown.values()) == [0, 1, False, "ACTIVE"]

    @pytest.mark.parametrize(("first", "second"), SAME_EMAIL)
    async def test_a_taken_email_answers_the_stored_customer_unchanged(
        self, api: Api, first: str, second: str
    ) -> None:
        stored = await a_customer(api, email=first)
        api.clock.forward(hours=1)
        answer = await api.post("/customers", new_customer(**ALL, email=second))
        assert (answer.status, answer.body) == (200, stored)
        assert (await api.get("/customers")).body["total"] == 1

    @pytest.mark.parametrize(("first", "second"), OTHER_EMAIL)
    async def test_emails_that_only_look_alike_are_two_customers(
        self, api: Api, first: str, second: str
    ) -> None:
        ids = {(await a_customer(api, email=email))["id"] for email in (first, second)}
        assert len(ids) == 2

    async def test_a_taken_email_gives_a_missing_account_and_no_more(self, api: Api) -> None:
        stored = await a_customer(api, email="ada@example.test")
        body = new_customer(email="ada@example.test", firstName="Eve", userId=USER)
        linked = (await api.post("/customers", body)).body
        assert (linked["userId"], linked["firstName"]) == (USER, stored["firstName"])
        assert linked["version"] == stored["version"] + 1
        again = await api.post("/customers", body | {"userId": an_unknown_id()})
        assert (again.status, again.body) == (200, linked)

    async def test_of_many_who_create_one_email_at_once_one_is_new(self, api: Api) -> None:
        body = new_customer()
        made = [api.post("/customers", body | {"firstName": str(n)}) for n in range(20)]
        answers = await asyncio.gather(*made)
        assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
        assert len({answer.body["id"] for answer in answers}) == 1
        assert len({answer.body["firstName"] for answer in answers}) == 1
        assert (await api.get("/customers")).body["total"] == 1


class ReadContract:
    async def test_a_customer_is_shown_bare_with_a_tag_of_its_version(self, api: Api) -> None:
        customer = await a_customer(api)
        answer = await api.get(f"/customers/{customer['id']}")
        assert answer.body == customer
        assert answer.headers["ETag"].startswith('"')

    async def test_an_unchanged_customer_is_not_sent_again(self, api: Api) -> None:
        tag = (await api.get(customer := await at(api))).headers["ETag"]
        for given in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            answer = await api.get(customer, headers={"If-None-Match": given})
            assert (answer.status, answer.headers["ETag"]) == (304, tag)
        await api.put(customer, {"phone": "1"})
        changed = await api.get(customer, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag

    async def test_addresses_and_payment_methods_are_shown_where_there_are_any(
        self, api: Api
    ) -> None:
        customer = await at(api)
        assert set((await api.get(customer)).body) == KEYS
        address = await an_address(api, customer)
        assert set((await api.get(customer)).body) == KEYS | {"addresses"}
        method = await a_method(api, customer)
        shown = (await api.get(customer)).body
        assert (shown["addresses"], shown["paymentMethods"]) == ([address], [method])
        await api.delete(f"{customer}/addresses/{address['id']}")
        assert set((await api.get(customer)).body) == KEYS | {"paymentMethods"}

    async def test_a_batch_answers_in_order_and_keeps_repeats(self, api: Api) -> None:
        one, other, unknown = await a_customer(api), await a_customer(api), an_unknown_id()
        address = await an_address(api, f"/customers/{one['id']}")
        one = (await api.get(f"/customers/{one['id']}")).body
        assert one["addresses"] == [address]
        ids = [other["id"], unknown, one["id"].upper(), other["id"]]
        answer = await api.get(f"/customers/batch?ids={','.join(ids)}")
        found = [
            {"id": customer["id"], "found": True, "customer": customer} for customer in (other, one)
        ]
        customers = [found[0], {"id": unknown, "found": False}, found[1], found[0]]
        summary = {"requested": 4, "found": 3, "notFound": 1}
        data = {"customers": customers, "summary": summary}
        assert (answer.status, answer.body) == (200, {"success": True, "data": data})

    async def test_a_batch_has_at_most_a_hundred(self, api: Api) -> None:
        ids = [an_unknown_id() for _ in range(101)]
        assert (await api.get(f"/customers/batch?ids={','.join(ids[1:])}")).status == 200
        assert (await api.get(f"/customers/batch?ids={','.join(ids)}")).status == 400


class UpdateContract:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_sets_all_that_is_given(self, api: Api, method: str) -> None:
        customer = await at(api)
        body = ALL | {"email": f"New-{new_customer()['email']}", "status": "inactive"}
        answer = await api.send(method, customer, body)
        assert answer.status == 200
        assert only(answer.body, SHOWN) == SHOWN
        assert (answer.body["email"], answer.body["status"]) == (body["email"], "INACTIVE")
        assert (await api.get(customer)).body == answer.body

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_leaves_what_is_not_given(self, api: Api, method: str) -> None:
        before = await a_customer(api, **ALL, userId=USER)
        path = f"/customers/{before['id']}"
        answer = await api.send(method, path, {"phone": "1", "userId": an_unknown_id(), "id": "x"})
        changed = {"phone": "1", "version": before["version"] + 1}
        assert answer.body == before | changed

    async def test_null_is_not_given_to_put(self, api: Api) -> None:
        before = await a_customer(api, **ALL)
        answer = await api.put(f"/customers/{before['id']}", dict.fromkeys(KEYS | set(ALL)))
        assert (answer.status, answer.body) == (200, before)

    async def test_null_clears_what_may_be_empty_with_patch(self, api: Api) -> None:
        before = await a_customer(api, **ALL)
        names = ["lastName", "phone", "dateOfBirth", "country", "countryCode", "avatarUrl", "notes"]
        body = dict.fromkeys([*names, "tags"])
        answer = await api.patch(f"/customers/{before['id']}", body)
        assert answer.status == 200
        assert "dateOfBirth" not in answer.body
        cleared = only(answer.body, [name for name in body if name != "dateOfBirth"])
        assert cleared == dict.fromkeys(cleared, "") | {"tags": []}

    @pytest.mark.parametrize("name", ["email", "firstName", "status"])
    async def test_null_does_not_clear_what_may_not_be_empty(self, api: Api, name: str) -> None:
        answer = await api.patch(await at(api), {name: None})
        assert (answer.status, answer.pointers) == (400, {f"/{name}"})

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_email_of_another_customer_is_taken(self, api: Api, method: str) -> None:
        await a_customer(api, email="ada@example.test")
        customer = await at(api)
        before = (await api.get(customer)).body
        answer = await api.send(method, customer, {"email": "ADA@example.test", "phone": "1"})
        assert (answer.status, answer.code) == (409, "EMAIL_TAKEN")
        assert (await api.get(customer)).body == before

    async def test_the_case_of_ones_own_email_can_change(self, api: Api) -> None:
        customer = await at(api, email="ada@example.test")
        assert (await api.put(customer, {"email": "Ada@Example.test"})).status == 200
        assert (await api.get(customer)).body["email"] == "Ada@Example.test"

    async def test_the_version_rises_with_everything_that_is_shown(self, api: Api) -> None:
        customer = await at(api)
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

    async def test_an_old_tag_no_longer_holds_after_any_change(self, api: Api) -> None:
        customer = await at(api)
        tag = (await api.get(customer)).headers["ETag"]
        await an_address(api, customer)
        assert (await api.get(customer, headers={"If-None-Match": tag})).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers={"If-Match": tag})).status == 412
