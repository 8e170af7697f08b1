"""The contract of counts by status and type: exact after every change."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import combinations, cycle
from typing import Any

import pytest
from attrs import evolve

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.query import CustomerSort, Page
from customers.core.model.rules.parse import parse
from customers.core.ports.storage import Storage
from tests.contract.filters import BLOCKED, INACTIVE, VIP, WHOLESALE, shopper
from tests.support.builders import NOW, a_customer
from tests.support.storage_steps import (
    add_customers,
    count,
    delete,
    erase,
    failing_transaction,
    save,
)

CHANGES: dict[str, Callable[[Customer], Customer]] = {
    "status": lambda customer: evolve(customer, status=BLOCKED),
    "type": lambda customer: evolve(customer, customer_type=VIP),
    "both": lambda customer: evolve(customer, status=INACTIVE, customer_type=WHOLESALE),
    "neither": lambda customer: evolve(customer, first_name="Other"),
    "deleted": lambda customer: customer.deleted(NOW),
    "deleted and moved": lambda customer: evolve(customer.deleted(NOW), status=BLOCKED),
}

_RULE = parse([{"field": "first_name", "operator": "eq", "value": "nobody"}])
NAMED_BY_NOBODY = CustomerFilter(rule=RuleAt(rule=_RULE, now=NOW))


def subsets(values: Iterable[Any]) -> list[frozenset[Any]]:
    """All subsets, the smallest first."""
    items = list(values)
    sizes = range(len(items) + 1)
    return [frozenset(subset) for size in sizes for subset in combinations(items, size)]


async def check_counts(storage: Storage, tenant: str, living: list[Customer]) -> None:
    """Asserts that every count by status and type is right for these living customers."""
    async with storage.view(tenant) as view:
        for statuses in subsets(CustomerStatus):
            for types in subsets(CustomerType):
                customer_filter = CustomerFilter(statuses=statuses, types=types)
                expected = sum(map(customer_filter.keeps, living))
                assert await view.customers.count(customer_filter) == expected, customer_filter
                page = await view.customers.page_with_total(
                    customer_filter, CustomerSort(), Page(size=1)
                )
                assert (page.total, len(page.customers)) == (expected, min(expected, 1)), (
                    customer_filter
                )


class TimedCountContract:
    async def test_several_filters_are_counted_in_their_order(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [a_customer(tenant_id=tenant, customer_type=VIP), a_customer(tenant_id=tenant)]
        await add_customers(storage, *crowd)
        filters = [CustomerFilter(types=frozenset({VIP})), CustomerFilter(), NAMED_BY_NOBODY]
        async with storage.consistent_view(tenant) as view:
            assert await view.customers.counts(filters, 60) == [1, 2, 0]
            assert await view.customers.counts([], 60) == []
            assert await view.customers.count(CustomerFilter()) == 2


class CustomerCountContract:
    async def test_counts_of_a_tenant_without_customers_are_zero(
        self, storage: Storage, tenant: str
    ) -> None:
        await check_counts(storage, tenant, [])

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    async def test_counts_follow_every_change_and_its_reversal(
        self, storage: Storage, tenant: str, change: Callable[[Customer], Customer]
    ) -> None:
        shoppers = [shopper(tenant, number) for number in range(9)]
        await add_customers(storage, *shoppers)
        await check_counts(storage, tenant, shoppers)
        await save(storage, changed := change(shoppers[0]))
        rest = [customer for customer in (changed, *shoppers[1:]) if customer.is_living]
        await check_counts(storage, tenant, rest)
        await save(storage, shoppers[0])
        await check_counts(storage, tenant, shoppers)

    async def test_counts_follow_erasures_of_living_and_deleted_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        shoppers = [shopper(tenant, number) for number in range(4)]
        await add_customers(storage, *shoppers)
        await erase(storage, shoppers[0])
        await check_counts(storage, tenant, shoppers[1:])
        await erase(storage, await delete(storage, shoppers[1]))
        await check_counts(storage, tenant, shoppers[2:])

    async def test_rolled_back_and_refused_writes_do_not_change_counts(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        await add_customers(storage, customer)
        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.add(a_customer(tenant_id=tenant))
            await tx.customers.get_for_update(customer.id)
            await tx.customers.save(evolve(customer, status=BLOCKED))
        twin = a_customer(tenant_id=tenant, email=customer.email)
        assert not await storage.autocommit(tenant).add_customer(twin)
        await check_counts(storage, tenant, [customer])

    async def test_counts_are_exact_after_concurrent_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        shoppers = [shopper(tenant, number) for number in range(16)]
        await asyncio.gather(
            *(storage.autocommit(tenant).add_customer(customer) for customer in shoppers)
        )
        assert await count(storage, tenant) == 16
        moved = [
            change(customer)
            for change, customer in zip(cycle(CHANGES.values()), shoppers, strict=False)
        ]
        await asyncio.gather(*(save(storage, customer) for customer in moved))
        await check_counts(storage, tenant, [customer for customer in moved if customer.is_living])
