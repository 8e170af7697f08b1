"""The contract of `PaymentMethodRepository`, except for tokens."""

from typing import Any

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.ports.storage import Storage
from tests.support.builders import a_payment_method, later
from tests.support.storage_steps import a_stored_customer, set_methods, some_customers

ALL_FIELDS: dict[str, Any] = {
    "payment_gateway": "Stripe % EU",
    "gateway_payment_method_id": "pm_\\x'y\u00e9",
    "payment_type": PaymentType.BANK_ACCOUNT,
    "card_brand": "visa",
    "last_four": "0042",
    "expiry_month": 12,
    "expiry_year": 2100,
    "is_default": True,
    "is_active": False,
    "updated_at": later(days=1, microseconds=1),
}


async def methods(storage: Storage, customer: Customer) -> list[PaymentMethod]:
    async with storage.view(customer.tenant_id) as view:
        return list(await view.payment_methods.all(customer.id))


class PaymentMethodContract:
    async def test_a_stored_method_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        full, minimal = a_payment_method(customer, **ALL_FIELDS), a_payment_method(customer)
        await set_methods(storage, customer, minimal, full)
        assert await methods(storage, customer) == [full, minimal]

    async def test_methods_are_listed_default_first_then_oldest_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        ages = [later(days=day) for day in (2, 1, 3, 0, 0)]
        cards = [a_payment_method(customer, created_at=age) for age in ages]
        cards[2] = evolve(cards[2], is_default=True)
        await set_methods(storage, customer, *reversed(cards))
        in_order = [cards[index] for index in (2, 3, 4, 1, 0)]
        assert await methods(storage, customer) == in_order

    async def test_replace_adds_changes_and_removes_in_one_call(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        assert await methods(storage, customer) == []
        stays, moves, goes = (a_payment_method(customer) for _ in range(3))
        await set_methods(storage, customer, stays, moves, goes)
        moved = evolve(moves, is_active=False, expiry_month=1, expiry_year=2030)
        await set_methods(storage, customer, stays, moved, new := a_payment_method(customer))
        assert await methods(storage, customer) == [stays, moved, new]

    @pytest.mark.parametrize("heir", [0, 1])
    async def test_the_default_moves_between_methods_in_both_directions(
        self, storage: Storage, tenant: str, heir: int
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        cards = [a_payment_method(customer) for _ in range(2)]
        before = [evolve(card, is_default=number != heir) for number, card in enumerate(cards)]
        after = [evolve(card, is_default=number == heir) for number, card in enumerate(cards)]
        await set_methods(storage, customer, *before)
        await set_methods(storage, customer, *after)
        assert await methods(storage, customer) == [after[heir], after[1 - heir]]

    async def test_a_new_default_replaces_a_removed_one(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        old, new = (a_payment_method(customer, is_default=True) for _ in range(2))
        await set_methods(storage, customer, old)
        await set_methods(storage, customer, new)
        assert await methods(storage, customer) == [new]

    async def test_methods_belong_to_one_customer(self, storage: Storage, tenant: str) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        his = a_payment_method(bob, is_default=True)
        await set_methods(storage, ada, a_payment_method(ada, is_default=True))
        await set_methods(storage, bob, his)
        await set_methods(storage, ada)
        assert (await methods(storage, ada), await methods(storage, bob)) == ([], [his])
