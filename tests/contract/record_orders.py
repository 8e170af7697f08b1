"""The contract of `record_orders`: a group of orders is recorded as if one after another."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from random import Random

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.membership import Cause
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.contract.change_capture import without_numbers
from tests.contract.orders import ALL_FIELDS, claim, newest
from tests.contract.record_order import record_order
from tests.contract.statistics import AMOUNTS, DATES, TOMORROW, few_examples, folded
from tests.support.builders import NOW, USD, a_customer, a_stub, a_tenant, an_entry, later
from tests.support.membership_steps import pending_changes_of, set_capture
from tests.support.storage_steps import (
    Pause,
    StorageIn,
    a_stored_customer,
    add_customers,
    delete,
    erase,
    get_customer,
    locking,
    overlap,
    save_entries,
    some_customers,
)

CALLERS = 8

# The numbers of a customer and of an order, an amount and a date.
Order = tuple[int, int, Decimal, datetime]
ORDERS = st.tuples(st.integers(0, 3), st.integers(0, 9), AMOUNTS, DATES)
GROUPS = st.lists(st.lists(ORDERS, max_size=8), min_size=1, max_size=3)


async def record_orders(
    storage: Storage, tenant: str, entries: Sequence[Entry], now: datetime = NOW
) -> Sequence[Customer | None]:
    return await storage.autocommit(tenant).record_orders(entries, now)


def entry_of(customers: list[Customer], order: Order) -> Entry:
    number, order_number, amount, date = order
    return an_entry(
        customers[number], order_id=f"o-{order_number}", total_amount=amount, order_date=date
    )


class RecordOrdersContract:
    async def test_orders_of_several_customers_are_in_the_ledger_and_the_statistics(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 3)
        entries = [an_entry(customer, order_date_stated=False) for customer in customers]
        updated = await record_orders(storage, tenant, entries, TOMORROW)
        assert updated == [
            customer.with_statistics(fold_ledger([entry], USD), now=TOMORROW)
            for customer, entry in zip(customers, entries, strict=True)
        ]
        assert [await get_customer(storage, customer) for customer in customers] == updated
        assert [await newest(storage, customer) for customer in customers] == [
            [entry] for entry in entries
        ]

    async def test_every_field_of_the_entries_is_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entries = [
            an_entry(customer, **ALL_FIELDS | {"order_id": "full"}),
            an_entry(customer, order_id="plain"),
        ]
        await record_orders(storage, tenant, entries)
        assert [await claim(storage, customer, id) for id in ("full", "plain")] == entries

    async def test_the_answers_have_every_field_of_the_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, tags=("vip", "É"), notes="a\nb", version=41)
        await add_customers(storage, customer)
        entries = [an_entry(customer), an_entry(customer, order_date=TOMORROW)]
        first, second = await record_orders(storage, tenant, entries, TOMORROW)
        assert first == customer.with_statistics(fold_ledger(entries[:1], USD), now=TOMORROW)
        assert second == first.with_statistics(fold_ledger(entries, USD), now=TOMORROW)

    @few_examples
    @given(groups=GROUPS)
    async def test_the_answers_are_those_of_one_after_another(
        self, storage: Storage, groups: list[list[Order]]
    ) -> None:
        """The last of the customers is deleted."""
        tenant, twin = a_tenant(), a_tenant()
        customers = await some_customers(storage, tenant, 4)
        await add_customers(storage, *(evolve(one, tenant_id=twin) for one in customers))
        for name in (tenant, twin):
            await delete(storage, evolve(customers[-1], tenant_id=name))
        for number, group in enumerate(groups):
            entries, now = [entry_of(customers, order) for order in group], later(hours=-number)
            expected = [await record_order(storage, twin, entry, now) for entry in entries]
            answers = await record_orders(storage, tenant, entries, now)
            assert [one and evolve(one, tenant_id=twin) for one in answers] == expected
        for customer in customers[:-1]:
            of_twin = await get_customer(storage, evolve(customer, tenant_id=twin))
            assert await get_customer(storage, customer) == evolve(of_twin, tenant_id=tenant)
            assert of_twin.statistics == await folded(storage, customer)

    async def test_no_order_is_recorded_in_an_empty_group(
        self, storage: Storage, tenant: str
    ) -> None:
        assert await record_orders(storage, tenant, []) == []

    async def test_an_order_that_is_stored_is_left_out_and_the_others_are_recorded(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        before = await save_entries(storage, ada, entry := an_entry(ada), stub := a_stub(ada))
        new = an_entry(bob)
        group = [
            evolve(entry, total_amount=Decimal(99)),
            an_entry(bob, order_id=entry.order_id),
            an_entry(ada, order_id=stub.order_id),
            new,
        ]
        *others, recorded = await record_orders(storage, tenant, group)
        assert others == [None, None, None]
        assert recorded == await get_customer(storage, bob)
        assert recorded.statistics == fold_ledger([new], USD)
        assert await get_customer(storage, ada) == before
        assert [await claim(storage, ada, one.order_id) for one in (entry, stub)] == [entry, stub]

    async def test_an_order_of_an_unknown_customer_is_left_out_and_the_others_are_recorded(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve, erased = await some_customers(storage, tenant, 3)
        other = await a_stored_customer(storage, a_tenant())
        await delete(storage, eve)
        await erase(storage, erased)
        unknown = [eve, erased, other, a_customer(tenant_id=tenant)]
        entries = [an_entry(customer) for customer in unknown]
        # Each of these orders follows once more in the group, for a living customer.
        group = [*entries, *(evolve(entry, customer_id=ada.id) for entry in entries)]
        answers = await record_orders(storage, tenant, group)
        assert answers[:4] == [None] * 4
        assert answers[-1] == await get_customer(storage, ada)
        assert answers[-1].statistics == fold_ledger(group[4:], USD)
        assert await get_customer(storage, other) == other

    async def test_recording_never_moves_updated_at_back(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, updated_at=TOMORROW)
        await add_customers(storage, customer)
        entries = [an_entry(customer), an_entry(customer)]
        answers = await record_orders(storage, tenant, entries, NOW)
        assert [(one.updated_at, one.version) for one in answers if one] == [
            (TOMORROW, 2),
            (TOMORROW, 3),
        ]

    @pytest.mark.parametrize("code", ["JPY", "USD", "KWD", "CLF"])
    async def test_averages_are_rounded_half_up_to_the_minor_unit(
        self, storage_in: StorageIn, tenant: str, code: str
    ) -> None:
        currency = Currency.of(code)
        amounts = [currency.unit * units for units in (1, 2, 1, 3, 3, 7)]
        async with storage_in(currency) as storage:
            customer = await a_stored_customer(storage, tenant)
            entries = [an_entry(customer, total_amount=amount) for amount in amounts]
            for first in range(0, 6, 2):
                group, until = entries[first : first + 2], range(first + 1, first + 3)
                answers = await record_orders(storage, tenant, group)
                assert [one.statistics for one in answers if one] == [
                    fold_ledger(entries[:end], currency) for end in until
                ]

    async def test_a_group_stores_one_pending_change_for_each_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        await set_capture(storage, tenant)
        known = an_entry(eve)
        await record_order(storage, tenant, known)
        before_eve = await pending_changes_of(storage, eve)
        group = [an_entry(ada), an_entry(bob), an_entry(ada), known]
        await record_orders(storage, tenant, group, TOMORROW)
        for customer in (ada, bob):
            assert without_numbers(await pending_changes_of(storage, customer)) == [
                (TOMORROW, Cause.ORDER, customer)
            ]
        assert await pending_changes_of(storage, eve) == before_eve

    async def test_a_group_stores_no_pending_change_that_is_not_captured(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant, orders=False)
        await record_orders(storage, tenant, [an_entry(customer), an_entry(customer)])
        assert await pending_changes_of(storage, customer) == ()


class ConcurrentRecordOrdersContract:
    async def test_groups_of_the_same_customers_and_orders_count_each_order_once(
        self, storage: Storage, tenant: str
    ) -> None:
        """Every caller sends the orders in another sequence, and no deadlock makes a call fail."""
        customers = await some_customers(storage, tenant, 5)
        entries = [
            an_entry(customer, total_amount=Decimal(f"{number}.99"))
            for number in range(8)
            for customer in customers
        ]

        async def call(seed: int) -> list[str]:
            group = Random(seed).sample(entries, len(entries))
            answers = await record_orders(storage, tenant, group)
            return [entry.order_id for entry, one in zip(group, answers, strict=True) if one]

        counted = await asyncio.gather(*map(call, range(CALLERS)))
        assert sorted(chain(*counted)) == sorted(entry.order_id for entry in entries)
        for customer in customers:
            own = [entry for entry in entries if entry.customer_id == customer.id]
            current = await get_customer(storage, customer)
            assert current.version == customer.version + len(own)
            assert current.statistics == fold_ledger(own, USD) == await folded(storage, customer)

    async def test_groups_of_two_customers_who_claim_the_same_orders_never_deadlock(
        self, storage: Storage, tenant: str
    ) -> None:
        rivals = await some_customers(storage, tenant, 2)
        ids = [f"order-{number}" for number in range(100)]

        async def call(number: int) -> list[str]:
            rival, shuffled = rivals[number % 2], Random(number).sample(ids, len(ids))
            group = [an_entry(rival, order_id=order_id) for order_id in shuffled]
            answers = await record_orders(storage, tenant, group)
            return [entry.order_id for entry, one in zip(group, answers, strict=True) if one]

        counted = await asyncio.gather(*map(call, range(CALLERS)))
        assert sorted(chain(*counted)) == sorted(ids)
        for rival in rivals:
            statistics = (await get_customer(storage, rival)).statistics
            assert statistics == await folded(storage, rival)

    async def test_groups_and_single_orders_of_one_customer_are_all_counted(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entries = [an_entry(customer, order_date=later(days=number)) for number in range(30)]
        groups = [entries[first : first + 4] for first in range(0, 20, 4)]
        answers = await asyncio.gather(
            *(record_orders(storage, tenant, group) for group in groups),
            *(record_orders(storage, tenant, [entry]) for entry in entries[20:]),
        )
        versions = [one.version for group in answers for one in group if one]
        assert sorted(versions) == list(range(2, 32))
        assert all(group == sorted(group, key=_version) for group in answers)
        last = await get_customer(storage, customer)
        assert last.statistics == fold_ledger(entries, USD) == await folded(storage, customer)

    async def test_a_group_does_not_overwrite_a_concurrent_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 3)
        first, group = an_entry(customers[1]), [an_entry(one) for one in (*customers, customers[1])]

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customers[1].id)
                await tx.orders.claim(first.order_id, before.id)
                await pause()
                await tx.orders.save(first)
                statistics = await tx.orders.statistics(before.id)
                await tx.customers.save(before.with_statistics(statistics, now=NOW))

        answers = await overlap(hold, lambda: record_orders(storage, tenant, group))
        states = [answers[1], answers[3]]
        assert [one.version for one in states if one] == [3, 4]
        assert [one.statistics for one in states if one] == [
            fold_ledger([first, group[1]], USD),
            fold_ledger([first, group[1], group[3]], USD),
        ]
        assert states[1] == await get_customer(storage, customers[1])

    async def test_a_group_that_waited_for_a_change_answers_the_changed_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 3)
        group = [an_entry(one) for one in (*customers, customers[1])]
        rename = locking(
            storage,
            customers[1],
            lambda stored: evolve(stored, first_name="New").with_next_version(NOW),
        )
        answers = await overlap(rename, lambda: record_orders(storage, tenant, group))
        states = [(one.first_name, one.version) for one in (answers[1], answers[3]) if one]
        assert states == [("New", 3), ("New", 4)]
        assert answers[3] == await get_customer(storage, customers[1])

    async def test_a_group_leaves_out_a_customer_who_is_being_deleted(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        deletion = locking(storage, ada, lambda stored: stored.deleted(TOMORROW))
        group = [an_entry(ada), an_entry(bob)]
        left_out, recorded = await overlap(deletion, lambda: record_orders(storage, tenant, group))
        assert left_out is None
        assert recorded == await get_customer(storage, bob)

    async def test_a_group_leaves_out_an_order_that_is_being_claimed(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob, eve = await some_customers(storage, tenant, 3)
        claimed, other = an_entry(bob), an_entry(eve)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(ada.id)
                await tx.orders.claim(claimed.order_id, ada.id)
                await pause()

        group = [claimed, other]
        left_out, recorded = await overlap(hold, lambda: record_orders(storage, tenant, group))
        assert left_out is None
        assert recorded == await get_customer(storage, eve)
        assert await get_customer(storage, bob) == bob


def _version(customer: Customer | None) -> int:
    return customer.version if customer else 0
