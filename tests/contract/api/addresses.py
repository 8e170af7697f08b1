"""Addresses over REST: their fields, their limit and their defaults."""

import asyncio
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import ADDRESS, an_address, an_unknown_id, customer_path, id_of, select

KEYS = set(
    "id customerId tenantId addressType isDefault label firstName lastName company addressLine1 "
    "addressLine2 city state postalCode country phone createdAt updatedAt".split()
)
FIELDS: dict[str, Any] = {
    "addressType": "billing",
    "label": "Office",
    "firstName": "Grace",
    "lastName": "Hopper",
    "company": "Hopper & Co",
    "addressLine1": "1 Rue de l'Été",
    "addressLine2": "2nd floor",
    "city": "Abidjan",
    "state": "Lagunes",
    "postalCode": "01 BP 123",
    "country": "ci",
    "phone": "+225 1",
}
SHOWN = FIELDS | {"addressType": "BILLING", "country": "CI"}
IGNORED = {
    "id": "0190b2f0-0000-7000-8000-00000000000a",
    "customerId": "0190b2f0-0000-7000-8000-00000000000b",
    "createdAt": "2001-01-01T00:00:00Z",
    "updatedAt": 7,
}
# Types of addresses added one after another, and a 1 for each that is a default in the end.
DEFAULTS_BY_TYPE = [
    ("SHIPPING", "1"),
    ("SHIPPING SHIPPING", "10"),
    ("SHIPPING BILLING", "11"),
    ("BOTH SHIPPING BILLING", "100"),
    ("SHIPPING BOTH BILLING", "101"),
]
# As above, the last one added with isDefault.
DEFAULTS_ON_REQUEST = [
    ("SHIPPING SHIPPING", "01"),
    ("SHIPPING BILLING SHIPPING", "011"),
    ("SHIPPING BILLING BOTH", "001"),
    ("BOTH SHIPPING", "01"),
    ("BOTH BILLING", "01"),
]


async def defaults(api: Api, customer: str) -> list[dict[str, Any]]:
    listed = (await api.get(f"{customer}/addresses")).body["data"]
    return [address for address in listed if address["isDefault"]]


async def purposes(api: Api, customer: str) -> list[str]:
    """The purposes of all default addresses, sorted."""
    purposes_of = {"BOTH": ["BILLING", "SHIPPING"]}
    kinds = [address["addressType"] for address in await defaults(api, customer)]
    return sorted(purpose for kind in kinds for purpose in purposes_of.get(kind, [kind]))


async def flags(api: Api, customer: str, addresses: list[dict[str, Any]]) -> str:
    """A 1 for each of the addresses that is a default, a 0 for the others."""
    ids = {address["id"] for address in await defaults(api, customer)}
    return "".join("1" if address["id"] in ids else "0" for address in addresses)


class AddressContract:
    async def test_a_new_address_has_every_key(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await api.post(f"{customer}/addresses", ADDRESS | {"addressType": ""})
        data = answer.body["data"]
        assert (answer.status, answer.body) == (201, {"success": True, "data": data})
        assert set(data) == KEYS
        expected = ADDRESS | {
            "customerId": id_of(customer),
            "tenantId": api.tenant,
            "addressType": "SHIPPING",
            "label": "",
            "company": "",
            "phone": "",
        }
        assert select(data, expected) == expected

    async def test_every_field_of_a_new_address_is_stored(self, api: Api) -> None:
        customer = await customer_path(api)
        address = await an_address(api, customer, **FIELDS)
        assert select(address, SHOWN) == SHOWN
        answer = await api.get(f"{customer}/addresses/{address['id']}")
        assert (answer.status, answer.body) == (200, {"success": True, "data": address})

    async def test_addresses_are_listed_default_first_then_oldest_first(self, api: Api) -> None:
        customer, addresses = await customer_path(api), []
        for number in range(4):
            addresses.append(await an_address(api, customer, isDefault=number == 2))
            api.clock.forward(minutes=1)
        body = (await api.get(f"{customer}/addresses")).body
        assert (body["success"], body["count"]) == (True, 4)
        order = [addresses[number]["id"] for number in (2, 0, 1, 3)]
        assert [address["id"] for address in body["data"]] == order

    async def test_a_customer_without_addresses_has_an_empty_list(self, api: Api) -> None:
        answer = await api.get(f"{await customer_path(api)}/addresses")
        assert answer.body == {"success": True, "data": [], "count": 0}

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_sets_the_fields_sent_and_no_others(
        self, api: Api, method: str
    ) -> None:
        customer = await customer_path(api)
        before = await an_address(api, customer, **FIELDS)
        api.clock.forward(hours=1)
        path = f"{customer}/addresses/{before['id']}"
        answer = await api.send(method, path, {"city": "Paris", "country": "fr", **IGNORED})
        changed = {"city": "Paris", "country": "FR"}
        assert answer.status == 200
        assert answer.body["data"] == before | changed | {
            "updatedAt": answer.body["data"]["updatedAt"]
        }
        assert answer.body["data"]["updatedAt"] > before["updatedAt"]
        assert (await api.get(path)).body == answer.body

    async def test_null_clears_with_patch_and_not_with_put(self, api: Api) -> None:
        customer = await customer_path(api)
        before = await an_address(api, customer, **FIELDS)
        path = f"{customer}/addresses/{before['id']}"
        nulls = dict.fromkeys(["label", "company", "addressLine2", "state", "phone"])
        assert (await api.put(path, nulls)).body["data"] == before
        cleared = (await api.patch(path, nulls)).body["data"]
        assert select(cleared, nulls) == dict.fromkeys(nulls, "")
        assert (await api.patch(path, {"city": None})).pointers == {"/city"}

    async def test_a_deleted_address_is_not_found(self, api: Api) -> None:
        customer = await customer_path(api)
        path = f"{customer}/addresses/{(await an_address(api, customer))['id']}"
        answer = await api.delete(path)
        message = {"success": True, "message": "Address deleted successfully"}
        assert (answer.status, answer.body) == (200, message)
        assert (await api.get(path)).code == "ADDRESS_NOT_FOUND"
        assert (await api.delete(path)).code == "ADDRESS_NOT_FOUND"

    async def test_an_address_of_another_customer_is_not_found(self, api: Api) -> None:
        address = await an_address(api, await customer_path(api))
        path = f"{await customer_path(api)}/addresses/{address['id']}"
        for call in (api.get(path), api.put(path, {}), api.patch(path), api.delete(path)):
            answer = await call
            assert answer.error == (404, "ADDRESS_NOT_FOUND")

    async def test_an_unknown_customer_has_no_addresses(self, api: Api) -> None:
        for part in ("", f"/{an_unknown_id()}"):
            answer = await api.get(f"/customers/{an_unknown_id()}/addresses{part}")
            assert answer.status == 404


class AddressLimitContract:
    async def test_a_customer_has_at_most_twenty_addresses(self, api: Api) -> None:
        customer = await customer_path(api)
        addresses = [await an_address(api, customer) for _ in range(20)]
        answer = await api.post(f"{customer}/addresses", ADDRESS)
        assert answer.error == (400, "ADDRESS_LIMIT_EXCEEDED")
        await api.delete(f"{customer}/addresses/{addresses[3]['id']}")
        assert (await api.post(f"{customer}/addresses", ADDRESS)).status == 201

    async def test_concurrent_requests_store_at_most_twenty_addresses(self, api: Api) -> None:
        customer = await customer_path(api)
        adding = [api.post(f"{customer}/addresses", ADDRESS) for _ in range(24)]
        answers = await asyncio.gather(*adding)
        assert sorted(answer.status for answer in answers) == [201] * 20 + [400] * 4
        assert (await api.get(f"{customer}/addresses")).body["count"] == 20


class DefaultAddressContract:
    @pytest.mark.parametrize(("kinds", "expected"), DEFAULTS_BY_TYPE)
    async def test_an_address_becomes_the_default_where_its_purpose_has_none(
        self, api: Api, kinds: str, expected: str
    ) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer, addressType=kind) for kind in kinds.split()]
        assert await flags(api, customer, added) == expected

    @pytest.mark.parametrize(("kinds", "expected"), DEFAULTS_ON_REQUEST)
    async def test_a_new_default_replaces_the_old_one_for_its_purposes(
        self, api: Api, kinds: str, expected: str
    ) -> None:
        customer, (*first, last) = await customer_path(api), kinds.split()
        added = [await an_address(api, customer, addressType=kind) for kind in first]
        added.append(await an_address(api, customer, addressType=last, isDefault=True))
        assert await flags(api, customer, added) == expected

    async def test_patch_without_a_body_makes_an_address_the_default(self, api: Api) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer) for _ in range(3)]
        answer = await api.patch(f"{customer}/addresses/{added[1]['id']}")
        data = answer.body["data"]
        assert (answer.status, answer.body) == (200, {"success": True, "data": data})
        assert data["isDefault"] is True
        assert await flags(api, customer, added) == "010"

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_update_can_make_an_address_the_default(self, api: Api, method: str) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer) for _ in range(2)]
        path = f"{customer}/addresses/{added[1]['id']}"
        assert (await api.send(method, path, {"isDefault": True})).body["data"]["isDefault"] is True
        assert await flags(api, customer, added) == "01"

    async def test_patch_with_an_empty_object_changes_nothing(self, api: Api) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer) for _ in range(2)]
        answer = await api.patch(f"{customer}/addresses/{added[1]['id']}", {})
        assert (answer.status, answer.body["data"]) == (200, added[1])
        assert await flags(api, customer, added) == "10"

    async def test_an_update_of_something_else_leaves_the_default(self, api: Api) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer) for _ in range(2)]
        for address in added:
            await api.put(f"{customer}/addresses/{address['id']}", {"label": "x"})
        assert await flags(api, customer, added) == "10"

    async def test_concurrent_changes_of_the_default_leave_one_default(self, api: Api) -> None:
        customer = await customer_path(api)
        added = [await an_address(api, customer, addressType="BOTH") for _ in range(8)]
        paths = [f"{customer}/addresses/{address['id']}" for address in added]
        adding = [an_address(api, customer, isDefault=True) for _ in range(4)]
        await asyncio.gather(*(api.patch(path) for path in paths), *adding)
        assert set(await purposes(api, customer)) <= {"BILLING", "SHIPPING"}
        assert len(await purposes(api, customer)) == len(set(await purposes(api, customer)))
        assert "SHIPPING" in await purposes(api, customer)
