"""The contract of `statistics`: the fold of the ledger."""

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, fold_ledger
from customers.core.model.money import MAX_AMOUNT
from customers.core.model.order import NO_ORDERS, Statistics
from customers.core.ports.storage import Storage
from tests.support.builders import USD, a_stub, a_tenant, an_entry, later
from tests.support.storage_steps import (
    a_stored_customer,
    delete,
    erase,
    get_customer,
    save_entries,
    some_customers,
)

TOMORROW = later(days=1)

few_examples = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

AMOUNTS = st.sampled_from(["0", "0.01", "0.02", "10.00", "33.33", str(MAX_AMOUNT)]).map(Decimal)
DATES = st.integers(-3, 3).map(lambda day: later(days=day))
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "total_amount": st.none() | AMOUNTS,
            "order_date": DATES,
            "refunds_total": AMOUNTS,
            "cancelled_at": st.none() | DATES,
        }
    ),
    max_size=8,
)


async def folded(storage: Storage, customer: Customer) -> Statistics:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_any_for_update(customer.id)
        return await tx.orders.statistics(customer.id)


def entry_of(customer: Customer, fields: dict[str, Any]) -> Entry:
    """An entry with generated fields; without an amount, a stub, which has no date."""
    if fields["total_amount"] is None:
        return a_stub(customer, **fields | {"order_date": None})
    return an_entry(customer, **fields)


class StatisticsContract:
    async def test_an_empty_ledger_folds_to_nothing(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        assert await folded(storage, customer) == NO_ORDERS

    @few_examples
    @given(ledger=ENTRIES)
    async def test_statistics_are_the_fold_of_any_ledger(
        self, storage: Storage, ledger: list[dict[str, Any]]
    ) -> None:
        tenant = a_tenant()
        customer, other = await some_customers(storage, tenant, 2)
        entries = [entry_of(customer, fields) for fields in ledger]
        await save_entries(storage, customer, *entries)
        await save_entries(storage, other, an_entry(other))
        assert await folded(storage, customer) == fold_ledger(entries, USD)
        assert (await get_customer(storage, customer)).statistics == fold_ledger(entries, USD)

    async def test_statistics_include_the_changes_of_the_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await save_entries(storage, customer, old := an_entry(customer))
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            for entry in (cancelled := old.cancel(TOMORROW), new := an_entry(customer)):
                await tx.orders.claim(entry.order_id, customer.id)
                await tx.orders.save(entry)
            assert await tx.orders.statistics(customer.id) == fold_ledger([cancelled, new], USD)

    async def test_the_ledger_of_a_deleted_or_erased_customer_folds_as_before(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        after = await save_entries(storage, customer, an_entry(customer), an_entry(customer))
        deleted = await delete(storage, after)
        assert await folded(storage, customer) == after.statistics
        await erase(storage, deleted)
        assert await folded(storage, customer) == after.statistics
