"""The tenant and the actor of a request, and the isolation of tenants."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.support.api_client import NOTHING, Api
from tests.support.api_steps import (
    ADDRESS,
    BIG_SPENDERS,
    NOTE,
    REASON,
    USER,
    a_communication,
    a_customer,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    assign,
    customer_path,
    new_customer,
    new_method,
    read_everything,
)
from tests.support.builders import a_tenant

TenantParts = Callable[[str], tuple[dict[str, str], str, dict[str, str]]]
# The ways to name a tenant: headers, query and body.
TENANT_PARTS: Final[dict[str, TenantParts]] = {
    "header": lambda name: ({"X-Tenant-ID": name}, "", {}),
    "claim": lambda name: ({"x-jwt-claim-tenant-id": name}, "", {}),
    "query": lambda name: ({}, f"?tenant_id={name}", {}),
    "query in camelCase": lambda name: ({}, f"?tenantId={name}", {}),
    "body": lambda name: ({}, "", {"tenantId": name}),
    "header and an empty query": lambda name: ({"X-Tenant-ID": f" {name} "}, "?tenant_id=", {}),
    "all of them": lambda name: (
        {"X-Tenant-ID": name, "X-JWT-Claim-Tenant-ID": name},
        f"?tenant_id={name}&tenantId={name}",
        {"tenantId": name},
    ),
}
INVALID: Final = "INVALID_TENANT"
# Texts that are not valid as a tenant in any place.
MALFORMED: Final = [
    *("x" * 256, "a\tb", "a b", "a,b", ",", "caf\u00e9", "cafe\u0301", "\uff41", "a\u200b"),
]
# Valid bodies, by the last part of the route.
BODIES: Final[dict[str, Any]] = {
    "lock": REASON,
    "unlock": REASON,
    "addresses": ADDRESS,
    "payment-methods": new_method(),
    "notes": NOTE,
    "communications": {"communicationType": "sms", "direction": "inbound"},
    "record-order": {"orderId": "o-1", "totalAmount": 12},
    "refunds": {"refundId": "r-2", "amount": 1},
    "{customerId}": {"firstName": "Eve"},
    "{addressId}": {"city": "Elsewhere"},
    "{methodId}": {"isDefault": True},
    "{communicationId}": {"status": "delivered"},
    "{segmentId}": {"name": "Taken over"},
    "preview-change": {"rules": BIG_SPENDERS},
    "segments": {"name": "Big"},
    "{shopperId}": {"firstName": "Ada"},
    "restore": NOTHING,
    "cancel": NOTHING,
}


async def a_full_customer(api: Api) -> dict[str, str]:
    """Creates a customer with one of everything; returns the ids by their names in routes."""
    user_id = an_unknown_id()
    customer = await a_customer(api, userId=user_id)
    path = f"/customers/{customer['id']}"
    await an_order(api, path, "o-1", 12)
    segment = await a_segment(api)
    await assign(api, segment, customer)
    return {
        "customerId": customer["id"],
        "shopperId": user_id,
        "addressId": (await an_address(api, path))["id"],
        "methodId": (await a_method(api, path))["id"],
        "noteId": (await a_note(api, path))["id"],
        "communicationId": (await a_communication(api, path))["id"],
        "segmentId": segment["id"],
        "keyId": await _a_key(api),
        "orderId": "o-1",
    }


async def _a_key(api: Api) -> str:
    answer = await api.post("/keys", {"name": "of a test", "permissions": ["customers:view"]})
    assert answer.status == 201, answer
    return str(answer.body["id"])


def calls(api: Api, ids: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    """A call of every route that has an id, with these ids and a valid body."""
    for route in api.app.router.routes():
        template = route.resource.canonical if route.resource else ""
        if "{" not in template:
            continue
        path = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], template)
        yield route.method, path, body_for(route.method, template, ids)
        if template.endswith("{addressId}") and route.method == "PATCH":
            yield route.method, path, NOTHING
        if template.endswith("{customerId}") and route.method == "DELETE":
            yield route.method, f"{path}?mode=erase", NOTHING


def body_for(method: str, template: str, ids: Mapping[str, str]) -> Any:
    """A valid body of a route; NOTHING if it needs none."""
    word = template.rpartition("/")[2]
    if template.endswith("{segmentId}/customers"):
        return {"customerIds": [ids["customerId"]]} if method != "GET" else NOTHING
    if method not in ("POST", "PUT", "PATCH"):
        return NOTHING
    return BODIES.get(word, NOTHING)


def masked(raw: bytes, ids: Mapping[str, str]) -> str:
    """The text of an answer with ids replaced by their names."""
    text = raw.decode()
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return text


def _unclean(tenant: str) -> list[str]:
    """The tenant with white space before or after it, or with an invisible character."""
    return [f" {tenant}", f"{tenant} ", f"{tenant}\n", f"\ufeff{tenant}", f"{tenant}\u200d"]


class TenantContract:
    @pytest.mark.parametrize("parts_for", TENANT_PARTS.values(), ids=TENANT_PARTS)
    async def test_the_tenant_can_be_named_in_each_place(
        self, api: Api, parts_for: TenantParts
    ) -> None:
        headers, query, body = parts_for(api.tenant)
        sent: dict[str, str | None] = {"X-Tenant-ID": None, **headers}
        answer = await api.post(f"/customers{query}", new_customer(**body), headers=sent)
        assert (answer.status, answer.body["tenantId"]) == (201, api.tenant)

    @pytest.mark.parametrize(
        ("headers", "query", "body"),
        [
            ({"x-jwt-claim-tenant-id": "other"}, "", {}),
            ({}, "?tenant_id=other", {}),
            ({}, "?tenantId=other", {}),
            ({}, "?TENANT_ID=other", {}),
            ({}, "?TenantID=other", {}),
            ({}, "", {"tenantId": "other"}),
            ({"X-Tenant-ID": None}, "?tenant_id=one", {"tenantId": "other"}),
            ({"X-Tenant-ID": None}, "?tenant_id=one&tenantId=other", {}),
        ],
    )
    async def test_contradicting_tenants_are_refused(
        self, api: Api, headers: dict[str, str | None], query: str, body: dict[str, Any]
    ) -> None:
        answer = await api.post(f"/customers{query}", new_customer(**body), headers=headers)
        assert answer.error == (400, "TENANT_MISMATCH")
        assert (await api.get("/customers")).body["total"] == 0

    async def test_without_a_tenant_every_route_is_refused(self, api: Api) -> None:
        no_tenant: dict[str, str | None] = {"X-Tenant-ID": None}
        for method, path, body in calls(api, await a_full_customer(api)):
            if method != "HEAD":
                shopper = {**no_tenant, "X-User-ID": an_unknown_id()}
                answer = await api.send(method, path, body, headers=shopper, base="")
                assert answer.error == (400, "TENANT_REQUIRED"), path
        for path in ("/customers", "/customers/segments", "/customers/batch?ids=x"):
            for headers in (no_tenant, {"X-Tenant-ID": "  "}):
                assert (await api.get(path, headers=headers)).code == "TENANT_REQUIRED"

    async def test_a_malformed_tenant_is_refused_and_never_changed_to_a_good_one(
        self, api: Api
    ) -> None:
        """White space around a header's value is not part of it (RFC 9110), so none is sent."""
        for bad in (*MALFORMED, f"{api.tenant},{api.tenant}", f"{api.tenant} x"):
            for headers in ({"X-Tenant-ID": bad}, {"x-jwt-claim-tenant-id": bad}):
                sent: dict[str, str | None] = {"X-Tenant-ID": None, **headers}
                answer = await api.get("/customers", headers=sent)
                [name] = headers
                assert answer.problem == (400, INVALID, frozenset({(name, INVALID)})), bad

    async def test_a_malformed_tenant_in_the_query_is_refused(self, api: Api) -> None:
        for bad in (*MALFORMED, *_unclean(api.tenant), " ", "a\0b", "a\x7fb"):
            path = f"/customers?tenant_id={quote(bad)}"
            assert (await api.get(path)).error == (400, INVALID), bad
            assert (await api.get(path, headers={"X-Tenant-ID": None})).error == (400, INVALID), bad

    async def test_a_malformed_tenant_in_a_body_is_refused(self, api: Api) -> None:
        others: list[Any] = ["a\0b", "a\ud800b", " ", 1, True, ["a"], {}]
        for bad in (*MALFORMED, *_unclean(api.tenant), *others):
            body = new_customer(tenantId=bad)
            answer = await api.post("/customers", body, headers={"X-Tenant-ID": None})
            assert (answer.error, answer.pointers) == ((400, INVALID), {"/tenantId"}), bad

    async def test_any_visible_character_but_the_comma_may_be_in_a_tenant(self, api: Api) -> None:
        name = api.tenant + "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != ",")
        assert (await a_customer(api.of_tenant(name)))["tenantId"] == name
        answer = await api.get(f"/customers?tenant_id={quote(name)}", headers={"X-Tenant-ID": name})
        assert answer.body["total"] == 1

    async def test_tenants_that_look_alike_are_different_ones(self, api: Api) -> None:
        await a_customer(api)
        for name in (api.tenant.upper(), api.tenant + ".", f"{api.tenant}%20"):
            assert (await api.of_tenant(name).get("/customers")).body["total"] == 0

    async def test_a_tenant_may_have_255_characters(self, api: Api) -> None:
        name = a_tenant().ljust(255, "x")
        assert (await a_customer(api.of_tenant(name)))["tenantId"] == name

    @pytest.mark.parametrize(
        ("headers", "actor"),
        [
            ({"x-jwt-claim-sub": USER}, USER),
            ({"X-User-ID": USER.upper()}, USER),
            ({"x-jwt-claim-sub": USER, "X-User-ID": an_unknown_id()}, USER),
            ({"X-User-ID": "somebody"}, None),
            ({}, None),
        ],
    )
    async def test_the_actor_is_recorded_when_it_is_an_id(
        self, api: Api, headers: dict[str, str], actor: str | None
    ) -> None:
        customer = await customer_path(api)
        note = await api.post(f"{customer}/notes", NOTE, headers=headers)
        assert note.body["createdBy"] == actor
        locked = await api.post(f"{customer}/lock", REASON, headers=headers)
        assert locked.body["data"].get("lockedBy") == actor


class IsolationContract:
    async def test_ids_of_another_tenant_are_answered_like_unknown_ids_on_every_route(
        self, api: Api
    ) -> None:
        real = await a_full_customer(api)
        unknown = {name: an_unknown_id() for name in real} | {"orderId": "o-1"}
        path = f"/customers/{real['customerId']}"
        before, other = await read_everything(api, path), api.of_tenant(a_tenant())
        pairs = zip(calls(api, real), calls(api, unknown), strict=True)
        for (method, known_path, body), (_, unknown_path, unknown_body) in pairs:
            answer = await other.send(method, known_path, body, base="")
            expected = await other.send(method, unknown_path, unknown_body, base="")
            assert answer.status == expected.status, (method, known_path)
            assert masked(answer.raw, real) == masked(expected.raw, unknown), (method, known_path)
            # The routes of shoppers refuse a call without a shopper before they look at the ids.
            assert answer.status in (400, 401, 404), (method, known_path)
        assert await read_everything(api, path) == before

    async def test_every_call_succeeds_for_the_tenant_that_owns_the_ids(self, api: Api) -> None:
        for number in range(len(list(calls(api, await a_full_customer(api))))):
            caller = api.of_tenant(f"{api.tenant}-{number}")
            ids = await a_full_customer(caller)
            method, path, body = list(calls(caller, ids))[number]
            shopper = {"X-User-ID": ids["shopperId"]}
            answer = await caller.send(method, path, body, headers=shopper, base="")
            # A customer who is not locked cannot be unlocked.
            assert answer.status in ((409,) if path.endswith("/unlock") else (200, 201)), path

    async def test_ids_of_another_tenant_are_unknown_under_an_own_customer_or_segment(
        self, api: Api
    ) -> None:
        other = api.of_tenant(a_tenant())
        real, own = await a_full_customer(api), await a_full_customer(other)
        path = f"/customers/{real['customerId']}"
        before = await read_everything(api, path)
        for own_name in ("customerId", "segmentId"):
            mixed = real | {own_name: own[own_name]}
            unknown = {name: an_unknown_id() for name in real} | {own_name: own[own_name]}
            for call, expected in zip(calls(api, mixed), calls(api, unknown), strict=True):
                if any(real[name] in call[1] for name in real if name != "orderId"):
                    shopper = {"X-User-ID": own["shopperId"]}
                    answer = await other.send(*call, headers=shopper, base="")
                    other_answer = await other.send(*expected, headers=shopper, base="")
                    assert masked(answer.raw, mixed) == masked(other_answer.raw, unknown), call
        assert await read_everything(api, path) == before

    async def test_ids_of_another_tenant_are_not_found_in_a_batch(self, api: Api) -> None:
        customer, other = await a_customer(api), api.of_tenant(a_tenant())
        answer = await other.get(f"/customers/batch?ids={customer['id']}")
        assert answer.body["data"]["customers"] == [{"id": customer["id"], "found": False}]

    async def test_tenants_may_share_emails_tokens_names_and_order_ids(self, api: Api) -> None:
        for caller in (api, api.of_tenant(a_tenant())):
            customer = await customer_path(caller, email="ada@example.test")
            await a_method(caller, customer, gatewayPaymentMethodId="pm_1")
            await a_segment(caller, name="Big")
            assert (await an_order(caller, customer, "o-1", 12)).body["duplicate"] is False
            assert (await caller.get("/customers")).body["total"] == 1
            assert len((await caller.get("/customers/segments")).body) == 1

    async def test_a_cursor_of_another_tenant_shows_none_of_its_customers(self, api: Api) -> None:
        for _ in range(3):
            await a_customer(api)
        cursor = (await api.get("/customers?cursor=&page_size=1")).body["nextCursor"]
        other = api.of_tenant(a_tenant())
        own = [await a_customer(other) for _ in range(2)]
        answer = await other.get(f"/customers?cursor={cursor}&page_size=10")
        listed = [] if answer.status == 400 else answer.body["customers"]
        assert {customer["id"] for customer in listed} <= {customer["id"] for customer in own}
