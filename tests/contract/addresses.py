"""The contract of `AddressRepository`."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.address import MAX_ADDRESSES, Address, AddressType
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.support.builders import an_address, an_id, later
from tests.support.storage_steps import a_stored_customer, set_addresses, some_customers

SHIPPING, BILLING, BOTH = AddressType

ALL_FIELDS: dict[str, Any] = {
    "address_type": BOTH,
    "is_default": True,
    "label": "Büro",
    "first_name": "Ada",
    "last_name": "O'Neill",
    "company": "Analytical % Engines",
    "address_line1": "12, Rue de l'Été",
    "address_line2": "c/o \\ Babbage",
    "city": "München",
    "state": "BY",
    "postal_code": "80331",
    "country": "DE",
    "phone": "+49 (89) 1234-5 x6",
    "updated_at": later(days=1, microseconds=1),
}

# The type of each address, and whether it is a default.
Defaults = list[tuple[AddressType, bool]]
SWAPS: list[tuple[Defaults, Defaults]] = [
    ([(SHIPPING, True), (SHIPPING, False)], [(SHIPPING, False), (SHIPPING, True)]),
    ([(SHIPPING, False), (SHIPPING, True)], [(SHIPPING, True), (SHIPPING, False)]),
    (
        [(SHIPPING, True), (BILLING, True), (BOTH, False)],
        [(SHIPPING, False), (BILLING, False), (BOTH, True)],
    ),
    (
        [(BOTH, True), (SHIPPING, False), (BILLING, False)],
        [(BOTH, False), (SHIPPING, True), (BILLING, True)],
    ),
    ([(SHIPPING, True), (BILLING, True)], [(BILLING, True), (SHIPPING, True)]),
    ([(BOTH, True), (SHIPPING, False)], [(BILLING, True), (SHIPPING, True)]),
    ([(SHIPPING, True), (BOTH, False)], [(SHIPPING, False), (BOTH, False)]),
]


async def addresses(storage: Storage, customer: Customer) -> list[Address]:
    async with storage.view(customer.tenant_id) as view:
        return list(await view.addresses.all(customer.id))


def with_defaults(homes: list[Address], defaults: Defaults) -> list[Address]:
    return [
        evolve(home, address_type=kind, is_default=default)
        for home, (kind, default) in zip(homes, defaults, strict=True)
    ]


class AddressContract:
    async def test_a_stored_address_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        home = an_address(customer, **ALL_FIELDS)
        await set_addresses(storage, customer, home)
        assert await addresses(storage, customer) == [home]

    async def test_addresses_are_listed_default_first_then_oldest_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        ages = [later(days=day) for day in (3, 1, 2, 4, 0)]
        homes = [an_address(customer, created_at=age) for age in ages]
        homes[0] = evolve(homes[0], is_default=True)
        homes[3] = evolve(homes[3], is_default=True, address_type=BILLING)
        await set_addresses(storage, customer, *homes)
        in_order = [homes[index] for index in (0, 3, 4, 1, 2)]
        assert await addresses(storage, customer) == in_order

    async def test_addresses_created_at_the_same_time_are_listed_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        homes = [an_address(customer) for _ in range(4)]
        await set_addresses(storage, customer, *reversed(homes))
        assert await addresses(storage, customer) == homes

    async def test_a_customer_may_have_no_address(self, storage: Storage, tenant: str) -> None:
        assert await addresses(storage, await a_stored_customer(storage, tenant)) == []

    async def test_replace_adds_changes_and_removes_in_one_call(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        stays, moves, goes = (an_address(customer) for _ in range(3))
        await set_addresses(storage, customer, stays, moves, goes)
        moved, new = evolve(moves, **ALL_FIELDS), an_address(customer)
        await set_addresses(storage, customer, stays, moved, new)
        assert await addresses(storage, customer) == [moved, stays, new]

    async def test_replacing_by_an_empty_list_removes_all(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_addresses(storage, customer, *(an_address(customer) for _ in range(3)))
        await set_addresses(storage, customer)
        assert await addresses(storage, customer) == []

    async def test_a_full_address_book_can_be_replaced_by_another(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        for _ in range(2):
            book = [an_address(customer) for _ in range(MAX_ADDRESSES)]
            await set_addresses(storage, customer, *book)
        assert await addresses(storage, customer) == book

    @pytest.mark.parametrize("order", [list, reversed])
    @pytest.mark.parametrize(("before", "after"), SWAPS)
    async def test_defaults_move_between_addresses_in_any_list_order(
        self,
        storage: Storage,
        tenant: str,
        before: Defaults,
        after: Defaults,
        order: Callable[..., Any],
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        homes = [an_address(customer) for _ in before]
        await set_addresses(storage, customer, *with_defaults(homes, before))
        expected = with_defaults(homes, after)
        await set_addresses(storage, customer, *order(expected))
        stored_addresses = await addresses(storage, customer)
        assert sorted(stored_addresses, key=lambda home: home.id) == expected

    async def test_a_new_default_replaces_a_removed_one(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        old = an_address(customer, is_default=True, address_type=BOTH)
        await set_addresses(storage, customer, old)
        heirs = [
            an_address(customer, is_default=True, address_type=kind) for kind in (SHIPPING, BILLING)
        ]
        await set_addresses(storage, customer, *heirs)
        assert await addresses(storage, customer) == heirs

    async def test_addresses_belong_to_one_customer(self, storage: Storage, tenant: str) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        hers, his = an_address(ada, is_default=True), an_address(bob, is_default=True)
        await set_addresses(storage, ada, hers)
        await set_addresses(storage, bob, his)
        await set_addresses(storage, ada)
        assert await addresses(storage, ada) == []
        assert await addresses(storage, bob) == [his]

    async def test_a_transaction_reads_its_own_address_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        home = an_address(customer)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            await tx.addresses.replace(customer.id, [], [home])
            assert list(await tx.addresses.all(customer.id)) == [home]
            with pytest.raises(CustomerNotFound):
                await tx.addresses.all(an_id())
