"""Shoppers over REST: who they are, and that they reach nothing but their own."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from customers.adapters.clock import SystemClock
from customers.core.errors import CustomerNotFound
from customers.core.model.principal import Principal, PrincipalKind
from customers.core.model.shopper import Shopper
from customers.core.ports.storage import Storage
from customers.core.services.storefront import Storefront
from tests.support.api_client import Answer
from tests.support.api_steps import REASON, an_unknown_id, new_customer, new_method, select
from tests.support.schema_check import Operation, operations, the_document
from tests.support.shoppers import Client, behind_gateway

OWN = "/storefront/customers"
KEYS = set(
    "id customerId email emailVerified firstName lastName phone dateOfBirth country countryCode "
    "avatarUrl marketingOptIn totalOrders totalSpent createdAt updatedAt".split()
)
CHANGE: dict[str, Any] = {
    "firstName": "Grace",
    "lastName": "Hopper",
    "phone": "+225 1",
    "dateOfBirth": "1990-01-31T00:00:00Z",
    "country": "Côte d'Ivoire",
    "countryCode": "CI",
    "avatarUrl": "https://images.example.test/grace.png",
    "marketingOptIn": True,
}
# What a shopper must not change, each with another value than that of a new customer.
OTHERS: dict[str, Any] = {
    "id": an_unknown_id(),
    "customerId": an_unknown_id(),
    "userId": an_unknown_id(),
    "email": "another@example.test",
    "emailVerified": True,
    "status": "BLOCKED",
    "customerType": "VIP",
    "tags": ["mine"],
    "notes": "mine",
    "totalOrders": 7,
    "totalSpent": 7,
    "averageOrderValue": 7,
    "lifetimeValue": 7,
    "currency": "EUR",
    "firstOrderDate": "2020-01-01T00:00:00Z",
    "lastOrderDate": "2020-01-01T00:00:00Z",
    "lockReason": "none of yours",
    "lockedAt": "2020-01-01T00:00:00Z",
    "lockedBy": an_unknown_id(),
    "createdAt": "2020-01-01T00:00:00Z",
    "updatedAt": "2020-01-01T00:00:00Z",
    "deletedAt": "2020-01-01T00:00:00Z",
    "version": 7,
}
STAFF = [
    operation
    for operation in operations(the_document())
    if operation.path.startswith("/api/")
    and "x-principal" not in operation.spec
    and operation.spec["security"]
]


async def a_customer(platform: Client, **fields: Any) -> dict[str, Any]:
    answer = await platform.post("/customers", new_customer(**fields))
    assert answer.status == 201, answer
    return dict(answer.body)


async def a_shopper(platform: Client, **fields: Any) -> tuple[Client, dict[str, Any]]:
    """A client that is a shopper, and the customer who is linked to them."""
    shopper = platform.shopper()
    return shopper, await a_customer(platform, userId=shopper.subject, **fields)


async def stored(platform: Client, customer: dict[str, Any]) -> dict[str, Any]:
    return dict((await platform.get(f"/customers/{customer['id']}")).body)


def same(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.raw


def path_of(operation: Operation, **values: str) -> str:
    path = operation.path.removeprefix("/api/v1")
    for name in ("customerId", "segmentId", "addressId", "methodId", "noteId", "communicationId"):
        path = path.replace(f"{{{name}}}", values.get(name, an_unknown_id()))
    return path.replace("{orderId}", "o-1")


class OwnProfileContract:
    async def test_a_profile_has_these_keys_and_no_others(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform, tags=["x"], notes="y", phone="+1 2")
            await platform.post(f"/customers/{customer['id']}/payment-methods", new_method())
            body = (await shopper.get(f"{OWN}/me")).body
            assert body.keys() == KEYS
            same_keys = KEYS - {"customerId", "dateOfBirth"}
            expected = await stored(platform, customer)
            assert select(body, same_keys) == select(expected, same_keys)
            assert (body["customerId"], body["dateOfBirth"]) == (customer["id"], None)

    async def test_the_id_of_a_profile_is_the_one_that_was_asked_for(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            user, own = shopper.subject, customer["id"]
            ids = {"me": own, own: own, own.upper(): own, user: user, user.upper(): user.upper()}
            for shopper_id, shown in ids.items():
                answer = await shopper.get(f"{OWN}/{shopper_id}")
                assert (answer.status, answer.body["id"]) == (200, shown)
                assert answer.body["customerId"] == own

    async def test_an_unchanged_profile_is_not_sent_again(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            answer = await shopper.get(f"{OWN}/me")
            tag, cached = answer.headers["ETag"], answer.headers["Cache-Control"]
            assert (tag[0] + tag[-1], cached) == ('""', "private, no-cache")
            assert answer.headers["Vary"] == "Authorization, Cookie, X-Tenant-ID, X-User-Id"
            again = shopper.with_headers({"If-None-Match": tag})
            unchanged = await again.get(f"{OWN}/me")
            assert (unchanged.status, unchanged.raw, unchanged.headers["ETag"]) == (304, b"", tag)
            await shopper.patch(f"{OWN}/me", {"phone": "1"})
            assert (await again.get(f"{OWN}/me")).status == 200

    async def test_a_patch_of_a_stale_version_is_412_and_changes_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            tag = (await shopper.get(f"{OWN}/me")).headers["ETag"]
            fresh = await shopper.patch(f"{OWN}/me", {"phone": "1"}, **{"If-Match": tag})
            stale = await shopper.patch(f"{OWN}/me", {"phone": "2"}, **{"If-Match": tag})
            assert (fresh.status, stale.error) == (200, (412, "PRECONDITION_FAILED"))
            assert (await stored(platform, customer))["phone"] == "1"
            other = f"{OWN}/{an_unknown_id()}"
            refused = await shopper.patch(other, {"phone": "2"}, **{"If-Match": tag})
            assert refused.error == (403, "NOT_YOUR_RESOURCE")

    async def test_a_patch_sets_what_it_names(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            answer = await shopper.patch(f"{OWN}/{shopper.subject}", CHANGE)
            assert (answer.status, answer.body["id"]) == (200, shopper.subject)
            assert select(answer.body, CHANGE) == CHANGE
            assert select(await stored(platform, customer), CHANGE) == CHANGE
            nulls = dict.fromkeys(CHANGE.keys() - {"firstName", "marketingOptIn"})
            cleared = (await shopper.patch(f"{OWN}/me", nulls)).body
            assert select(cleared, nulls) == dict.fromkeys(nulls, "") | {"dateOfBirth": None}
            assert (await shopper.patch(f"{OWN}/me", {"firstName": None})).pointers == {
                "/firstName"
            }

    @pytest.mark.parametrize("key", OTHERS)
    async def test_a_patch_changes_nothing_else(
        self, storage: Storage, tenant: str, key: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            before, body = await stored(platform, customer), {key: OTHERS[key]}
            assert (await shopper.patch(f"{OWN}/me", body)).status == 200
            strict = await shopper.patch(f"{OWN}/me", body, Prefer="handling=strict")
            assert (strict.status, strict.pointers) == (400, {f"/{key}"})
            assert await stored(platform, customer) == before


class ShopperContract:
    async def test_somebody_else_is_refused_whether_they_exist_or_not(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            other, customer = await a_shopper(platform)
            guest = await a_customer(platform)
            answers = set()
            for shopper_id in (
                customer["id"],
                other.subject,
                guest["id"],
                an_unknown_id(),
                "mee",
                "Me",
                "1",
                "%7B%7D",
            ):
                for path in ("", "/orders", "/payment-methods"):
                    answer = await shopper.get(f"{OWN}/{shopper_id}{path}")
                    assert answer.error == (403, "NOT_YOUR_RESOURCE")
                    answers.add(same(answer))
                for body in (CHANGE, {"firstName": 7}):
                    answers.add(same(await shopper.patch(f"{OWN}/{shopper_id}", body)))
                answers.add(same(await shopper.get(f"{OWN}/{shopper_id}/data?formt=csv")))
                for path in ("/addresses", "/addresses/no-id"):
                    answer = await shopper.send(
                        "PUT" if "no" in path else "POST", f"{OWN}/{shopper_id}{path}", {}
                    )
                    assert answer.error == (403, "NOT_YOUR_RESOURCE")
            assert len(answers) == 1
            assert (await stored(platform, customer))["firstName"] == customer["firstName"]

    async def test_a_shopper_without_a_customer_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            customer, shopper = await a_customer(platform), platform.shopper()
            for shopper_id in ("me", shopper.subject):
                answer = await shopper.get(f"{OWN}/{shopper_id}")
                assert answer.error == (404, "CUSTOMER_NOT_FOUND")
            for shopper_id in (customer["id"], an_unknown_id()):
                answer = await shopper.get(f"{OWN}/{shopper_id}")
                assert answer.error == (403, "NOT_YOUR_RESOURCE")

    async def test_a_blocked_shopper_is_told_nothing_but_that(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await platform.post(f"/customers/{customer['id']}/lock", REASON)
            for shopper_id in ("me", shopper.subject, customer["id"]):
                for path in ("", "/addresses", "/payment-methods", "/orders"):
                    answer = await shopper.get(f"{OWN}/{shopper_id}{path}")
                    assert answer.error == (403, "CUSTOMER_BLOCKED")
                    assert REASON["reason"] not in answer.raw.decode()
            assert (await shopper.patch(f"{OWN}/me", CHANGE)).code == "CUSTOMER_BLOCKED"
            assert (await shopper.get("/customers/me")).code == "CUSTOMER_BLOCKED"

    async def test_a_deleted_customer_is_nobody(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            await platform.delete(f"/customers/{customer['id']}")
            assert (await shopper.get(f"{OWN}/me")).code == "CUSTOMER_NOT_FOUND"
            assert (await shopper.get(f"{OWN}/{customer['id']}")).code == "NOT_YOUR_RESOURCE"

    async def test_the_oldest_customer_of_an_account_is_the_shoppers(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, oldest = await a_shopper(platform)
            platform.api.clock.forward(minutes=1)
            newer = await a_customer(platform, userId=shopper.subject)
            assert (await shopper.get(f"{OWN}/me")).body["customerId"] == oldest["id"]
            assert (await shopper.get(f"{OWN}/{newer['id']}")).code == "NOT_YOUR_RESOURCE"
            await platform.delete(f"/customers/{oldest['id']}")
            assert (await shopper.get(f"{OWN}/me")).body["customerId"] == newer["id"]

    @pytest.mark.parametrize("operation", STAFF, ids=lambda operation: operation.name)
    async def test_a_shopper_has_no_other_operation(
        self, storage: Storage, tenant: str, operation: Operation
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            path = path_of(operation, customerId=customer["id"])
            answer = await shopper.send(operation.method, path, {})
            assert answer.error == (403, "PERMISSION_DENIED")

    async def test_staff_and_services_are_no_shoppers(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            staff = shopper.with_headers({"x-jwt-claim-permissions": "customers:view"})
            for client in (staff, platform):
                for path in (f"{OWN}/me", f"{OWN}/me/addresses", "/customers/me"):
                    assert (await client.get(path)).error == (403, "SHOPPER_REQUIRED")

    async def test_a_shopper_has_the_tenant_of_their_token_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, _ = await a_shopper(platform)
            foreign = shopper.with_headers({"X-Tenant-ID": f"{tenant}-other"})
            assert (await foreign.get(f"{OWN}/me")).error == (403, "TENANT_FORBIDDEN")
            unnamed = shopper.with_headers({"X-Tenant-ID": None})
            assert (await unnamed.get(f"{OWN}/me")).status == 200


class AccountLinkContract:
    async def test_a_verified_email_links_the_customer_who_has_it(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform, email="Ada.É@Example.Test")
            shopper = platform.shopper(email="ada.%C3%89@example.test".replace("%C3%89", "É"))
            answer = await shopper.get(f"{OWN}/{shopper.subject}")
            assert (answer.status, answer.body["customerId"]) == (200, guest["id"])
            linked = await stored(platform, guest)
            assert (linked["userId"], linked["version"]) == (shopper.subject, 2)
            without_email = platform.shopper(shopper.subject)
            assert (await without_email.get(f"{OWN}/me")).body["customerId"] == guest["id"]

    async def test_asking_for_somebody_else_links_nobody(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            shopper = platform.shopper(email=guest["email"])
            assert (await shopper.get(f"{OWN}/{an_unknown_id()}")).code == "NOT_YOUR_RESOURCE"
            assert (await stored(platform, guest))["userId"] is None
            assert (await shopper.get(f"{OWN}/{guest['id']}")).status == 200

    async def test_the_customer_of_another_account_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            other, customer = await a_shopper(platform)
            shopper = platform.shopper(email=customer["email"])
            assert (await shopper.get(f"{OWN}/me")).error == (404, "CUSTOMER_NOT_FOUND")
            assert (await shopper.get(f"{OWN}/{customer['id']}")).code == "NOT_YOUR_RESOURCE"
            assert (await stored(platform, customer))["userId"] == other.subject

    async def test_a_blocked_customer_is_not_linked(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            await platform.post(f"/customers/{guest['id']}/lock", REASON)
            shopper = platform.shopper(email=guest["email"])
            assert (await shopper.get(f"{OWN}/me")).code == "CUSTOMER_BLOCKED"
            assert (await stored(platform, guest))["userId"] is None

    async def test_a_subject_that_is_no_uuid_has_no_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            shopper = platform.shopper("auth0|4711", guest["email"])
            assert (await shopper.get(f"{OWN}/me")).error == (404, "CUSTOMER_NOT_FOUND")
            assert (await shopper.get(f"{OWN}/auth0%7C4711")).code == "NOT_YOUR_RESOURCE"
            assert (await stored(platform, guest))["userId"] is None

    @pytest.mark.parametrize("email", ["ada\0@example.test", "ada\udcff@example.test"])
    async def test_a_text_that_no_database_takes_is_nobodys_address(
        self, storage: Storage, tenant: str, email: str
    ) -> None:
        principal = Principal(
            kind=PrincipalKind.SHOPPER, subject=an_unknown_id(), verified_email=email
        )
        storefront = Storefront(storage, SystemClock())
        with pytest.raises(CustomerNotFound):
            await storefront.customer(tenant, Shopper.of(principal))

    async def test_calls_at_once_link_once(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            shopper = platform.shopper(email=guest["email"])
            answers = await asyncio.gather(*(shopper.get(f"{OWN}/me") for _ in range(8)))
            assert {answer.status for answer in answers} == {200}
            linked = await stored(platform, guest)
            assert (linked["userId"], linked["version"]) == (shopper.subject, 2)

    async def test_of_two_accounts_with_one_email_one_is_linked(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            shoppers = [platform.shopper(str(uuid4()), guest["email"]) for _ in range(6)]
            answers = await asyncio.gather(*(shopper.get(f"{OWN}/me") for shopper in shoppers))
            assert sorted(answer.status for answer in answers) == [200] + [404] * 5
            [winner] = [
                shopper
                for shopper, answer in zip(shoppers, answers, strict=True)
                if answer.status == 200
            ]
            assert (await stored(platform, guest))["userId"] == winner.subject

    async def test_of_two_guests_of_one_account_one_is_linked(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            for _ in range(4):
                guests, subject = [await a_customer(platform) for _ in range(2)], str(uuid4())
                shoppers = [platform.shopper(subject, guest["email"]) for guest in guests]
                answers = await asyncio.gather(*(shopper.get(f"{OWN}/me") for shopper in shoppers))
                shown = {(answer.status, answer.body["customerId"]) for answer in answers}
                users = [(await stored(platform, guest))["userId"] for guest in guests]
                linked = guests[users.index(subject)]["id"]
                assert (users.count(subject), shown) == (1, {(200, linked)})


class StorefrontServiceContract:
    async def test_a_storefront_acts_for_the_shopper_it_names(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            named = {"X-Internal-Service": "storefront", "X-User-Id": shopper.subject}
            storefront = platform.with_headers(named)
            answer = await storefront.get(f"{OWN}/{shopper.subject}")
            assert (answer.status, answer.body["customerId"]) == (200, customer["id"])
            answer = await storefront.get(f"/customers/{customer['id']}")
            assert answer.error == (403, "PERMISSION_DENIED")
            other = await storefront.get(f"{OWN}/me?tenant_id={tenant}-other")
            assert other.error == (403, "TENANT_FORBIDDEN")

    async def test_a_storefront_must_name_the_shopper(self, storage: Storage, tenant: str) -> None:
        async with behind_gateway(storage, tenant) as platform:
            storefront = platform.with_headers({"X-Internal-Service": "storefront"})
            answer = await storefront.get(f"{OWN}/me")
            assert answer.error == (401, "AUTHENTICATION_REQUIRED")

    @pytest.mark.parametrize("name", ["Storefront", "storefront2", "orders", "*"])
    async def test_other_services_are_the_platform(
        self, storage: Storage, tenant: str, name: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            shopper, customer = await a_shopper(platform)
            named = {"X-Internal-Service": name, "X-User-Id": shopper.subject}
            service = platform.with_headers(named)
            assert (await service.get(f"{OWN}/me")).error == (403, "SHOPPER_REQUIRED")
            assert (await service.get(f"/customers/{customer['id']}")).status == 200

    async def test_the_headers_of_a_storefront_do_not_count_beside_claims(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            victim, _ = await a_shopper(platform)
            shopper, own = await a_shopper(platform)
            pretended = {"X-Internal-Service": "storefront", "X-User-Id": victim.subject}
            answer = await shopper.with_headers(pretended).get(f"{OWN}/me")
            assert answer.body["customerId"] == own["id"]

    async def test_a_storefront_knows_no_verified_email(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest = await a_customer(platform)
            named = {"X-Internal-Service": "storefront", "X-User-Id": an_unknown_id()}
            storefront = platform.with_headers({**named, "X-User-Email": guest["email"]})
            assert (await storefront.get(f"{OWN}/me")).error == (404, "CUSTOMER_NOT_FOUND")
            assert (await stored(platform, guest))["userId"] is None

    async def test_the_email_that_the_gateway_has_verified_links_the_shopper_of_a_storefront(
        self, storage: Storage, tenant: str
    ) -> None:
        async with behind_gateway(storage, tenant) as platform:
            guest, user = await a_customer(platform), an_unknown_id()
            named = {"X-Internal-Service": "storefront", "X-User-Id": user}
            storefront = platform.with_headers({**named, "x-jwt-claim-email": guest["email"]})
            answer = await storefront.get(f"{OWN}/{user}")
            assert (answer.status, answer.body["customerId"]) == (200, guest["id"])
            assert (await stored(platform, guest))["userId"] == user
