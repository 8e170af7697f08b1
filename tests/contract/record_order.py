"""The contract of `record_order`: statistics equal the fold, also after concurrent writes."""

import asyncio
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.contract.orders import claim, newest
from tests.contract.statistics import AMOUNTS, DATES, TOMORROW, few_examples, folded
from tests.support.builders import NOW, USD, a_customer, a_stub, a_tenant, an_entry, later
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
    save,
    save_entries,
    some_customers,
)

# The number of an order, the kind of fact, an amount and a date.
Fact = tuple[int, str, Decimal, datetime]
FACTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["order", "refund", "cancel"]), AMOUNTS, DATES),
    min_size=5,
    max_size=12,
)


async def record_order(storage: Storage, tenant: str, entry: Entry, now: datetime = NOW) -> Any:
    return await storage.autocommit(tenant).record_order(entry, now)


async def record_fact(storage: Storage, customer: Customer, fact: Fact) -> None:
    """Records a fact as the use cases do, ignoring conflicts with the ledger."""
    number, kind, amount, date = fact
    order_id = f"order-{number}"
    entry = an_entry(customer, order_id=order_id, total_amount=amount, order_date=date)
    if kind == "order" and await record_order(storage, customer.tenant_id, entry, date):
        return
    stored_entry = await claim(storage, customer, order_id)
    if kind == "refund":
        await save_entries(
            storage,
            customer,
            evolve(stored_entry, refunds_total=stored_entry.refunds_total + amount),
        )
    elif kind == "cancel":
        await save_entries(storage, customer, stored_entry.cancel(date))
    elif not stored_entry.is_recorded:
        earlier: dict[str, Any] = {
            "refunds_total": stored_entry.refunds_total,
            "cancelled_at": stored_entry.cancelled_at,
        }
        await save_entries(storage, customer, evolve(entry, **earlier))


class RecordOrderContract:
    async def test_a_recorded_order_is_in_the_ledger_and_the_statistics(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer, order_number="No 7", order_date_stated=False)
        updated = await record_order(storage, tenant, entry, TOMORROW)
        assert updated == customer.with_statistics(fold_ledger([entry], USD), now=TOMORROW)
        assert await get_customer(storage, customer) == updated
        assert await newest(storage, customer) == [entry]

    async def test_recording_returns_the_customer_with_every_field(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, tags=("vip", "É"), notes="a\nb", version=41)
        await add_customers(storage, customer)
        updated = await record_order(storage, tenant, entry := an_entry(customer), TOMORROW)
        assert updated == customer.with_statistics(fold_ledger([entry], USD), now=TOMORROW)

    async def test_recording_never_moves_updated_at_back(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant, updated_at=TOMORROW)
        await add_customers(storage, customer)
        updated = await record_order(storage, tenant, an_entry(customer), NOW)
        assert (updated.updated_at, updated.version) == (TOMORROW, 2)

    async def test_a_stored_order_is_not_recorded_again(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        before = await save_entries(storage, ada, entry := an_entry(ada), stub := a_stub(ada))
        for stored_entry in (entry, stub):
            for customer in (ada, bob):
                again = an_entry(customer, order_id=stored_entry.order_id, total_amount=Decimal(99))
                assert await record_order(storage, tenant, again, TOMORROW) is None
            assert await claim(storage, ada, stored_entry.order_id) == stored_entry
        assert [await get_customer(storage, customer) for customer in (ada, bob)] == [before, bob]

    async def test_nothing_is_recorded_for_an_unknown_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, eve, erased = await some_customers(storage, tenant, 3)
        other = await a_stored_customer(storage, a_tenant())
        await delete(storage, eve)
        await erase(storage, erased)
        for customer in (eve, erased, other, a_customer(tenant_id=tenant)):
            entry = an_entry(customer)
            assert await record_order(storage, tenant, entry) is None
            stub = await claim(storage, ada, entry.order_id)
            assert stub == a_stub(ada, order_id=entry.order_id)
        assert await get_customer(storage, other) == other

    @few_examples
    @given(facts=FACTS)
    async def test_statistics_equal_the_fold_after_any_facts(
        self, storage: Storage, facts: list[Fact]
    ) -> None:
        customer = await a_stored_customer(storage, a_tenant())
        for fact in facts:
            await record_fact(storage, customer, fact)
            statistics = (await get_customer(storage, customer)).statistics
            assert statistics == fold_ledger(await newest(storage, customer), USD)
            assert statistics == await folded(storage, customer)

    @pytest.mark.parametrize("code", ["JPY", "USD", "KWD", "CLF"])
    async def test_averages_are_rounded_half_up_to_the_minor_unit(
        self, storage_in: StorageIn, tenant: str, code: str
    ) -> None:
        currency = Currency.of(code)
        amounts = [currency.unit * units for units in (1, 2, 1, 3, 3, 7)]
        async with storage_in(currency) as storage:
            customer = await a_stored_customer(storage, tenant)
            entries: list[Entry] = []
            for amount in amounts:
                entries.append(an_entry(customer, total_amount=amount))
                updated = await record_order(storage, tenant, entries[-1])
                assert updated.statistics == fold_ledger(entries, currency)
                assert await folded(storage, customer) == fold_ledger(entries, currency)


class ConcurrentRecordOrderContract:
    async def test_concurrent_orders_are_all_counted_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entries = [
            an_entry(customer, total_amount=Decimal(f"{number}.99"), order_date=later(days=number))
            for number in range(32)
        ]
        updated = await asyncio.gather(*(record_order(storage, tenant, entry) for entry in entries))
        assert sorted(customer.version for customer in updated) == list(range(2, 34))
        last = await get_customer(storage, customer)
        assert last.statistics == fold_ledger(entries, USD) == await folded(storage, customer)
        assert last == max(updated, key=lambda customer: customer.version)

    async def test_concurrent_repeats_of_one_order_are_counted_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer)
        updated = await asyncio.gather(*(record_order(storage, tenant, entry) for _ in range(8)))
        (winner,) = (customer for customer in updated if customer is not None)
        assert await get_customer(storage, customer) == winner
        assert winner.statistics == fold_ledger([entry], USD)

    async def test_of_two_customers_recording_one_order_one_succeeds(
        self, storage: Storage, tenant: str
    ) -> None:
        for _ in range(4):
            rivals = await some_customers(storage, tenant, 2)
            entry = an_entry(rivals[0])
            entries = [evolve(entry, customer_id=rival.id) for rival in rivals]
            results = await asyncio.gather(
                *(record_order(storage, tenant, entry) for entry in entries)
            )
            order_counts = [
                (await get_customer(storage, rival)).statistics.total_orders for rival in rivals
            ]
            assert sorted(order_counts) == [0, 1]
            assert order_counts == [0 if result is None else 1 for result in results]

    async def test_recording_does_not_overwrite_a_concurrent_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        first, second = an_entry(customer), an_entry(customer)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                await tx.orders.claim(first.order_id, customer.id)
                await pause()
                await tx.orders.save(first)
                statistics = await tx.orders.statistics(customer.id)
                await tx.customers.save(before.with_statistics(statistics, now=NOW))

        updated = await overlap(hold, lambda: record_order(storage, tenant, second))
        assert updated.statistics == fold_ledger([first, second], USD)
        assert updated.version == 3

    async def test_an_order_that_waited_for_a_change_answers_the_changed_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        rename = locking(
            storage,
            customer,
            lambda stored: evolve(stored, first_name="New").with_next_version(NOW),
        )
        updated = await overlap(rename, lambda: record_order(storage, tenant, an_entry(customer)))
        assert (updated.first_name, updated.version) == ("New", 3)
        assert updated == await get_customer(storage, customer)

    @pytest.mark.parametrize("fails", [False, True])
    async def test_an_order_that_is_being_claimed_is_recorded_only_if_the_claim_fails(
        self, storage: Storage, tenant: str, fails: bool
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        entry = an_entry(bob)

        async def hold(pause: Pause) -> None:
            with suppress(ZeroDivisionError):
                async with storage.transaction(tenant) as tx:
                    await tx.customers.get_for_update(ada.id)
                    await tx.orders.claim(entry.order_id, ada.id)
                    await pause()
                    if fails:
                        raise ZeroDivisionError

        updated = await overlap(hold, lambda: record_order(storage, tenant, entry))
        assert (updated is not None) == fails

    async def test_an_order_of_a_customer_who_is_being_deleted_is_not_recorded(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        deletion = locking(storage, customer, lambda stored: stored.deleted(TOMORROW))
        entry = an_entry(customer)
        assert await overlap(deletion, lambda: record_order(storage, tenant, entry)) is None
        await save(storage, customer.deleted(TOMORROW).restored(TOMORROW))
        assert await newest(storage, customer) == []

    async def test_recording_and_cancelling_one_order_concurrently_both_take_effect(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entries = [an_entry(customer) for _ in range(10)]

        async def cancel(entry: Entry) -> None:
            async with storage.transaction(tenant) as tx:
                before = await tx.customers.get_for_update(customer.id)
                stored_entry = await tx.orders.claim(entry.order_id, customer.id)
                await tx.orders.save(stored_entry.cancel(TOMORROW))
                statistics = await tx.orders.statistics(customer.id)
                await tx.customers.save(before.with_statistics(statistics, now=NOW))

        for entry in entries:
            await asyncio.gather(cancel(entry), record_order(storage, tenant, entry))
        ledger = [await claim(storage, customer, entry.order_id) for entry in entries]
        assert all(entry.cancelled_at == TOMORROW for entry in ledger)
        assert (await get_customer(storage, customer)).statistics == fold_ledger(ledger, USD)
