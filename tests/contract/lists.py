"""The contract of customer lists: sort order, pages and cursors."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, product
from uuid import UUID

import pytest

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.order import NO_ORDERS, Statistics
from customers.core.model.query import CustomerKey, CustomerSort, Page, SortDirection, SortField
from customers.core.ports.storage import Storage
from tests.support.builders import a_customer, later, some_statistics
from tests.support.storage_steps import EVERYONE, add_customers, delete

SORTS = [
    CustomerSort(by=by, direction=direction) for by, direction in product(SortField, SortDirection)
]
OLDEST_FIRST = CustomerSort(direction=SortDirection.ASC)
NEWEST_FIRST = CustomerSort()

every_sort = pytest.mark.parametrize(
    "sort", SORTS, ids=[f"{sort.by}-{sort.direction}" for sort in SORTS]
)

# Names that a sort by anything but code points would order differently.
WORDS = ["Zoe", "adam", "Adam", "Émile", "_x", "a-b", "ab", "\U0001d11e", "\uffee", "", "Z", "a b"]


def sorted_ids(customers: Sequence[Customer], sort: CustomerSort) -> list[UUID]:
    """The ids in the order of `sort`: missing values last, ties by id in the same direction."""
    descending = sort.direction is SortDirection.DESC
    with_value = [customer for customer in customers if sort.by.of(customer) is not None]
    without_value = [customer for customer in customers if sort.by.of(customer) is None]
    with_value.sort(key=lambda customer: (sort.by.of(customer), customer.id), reverse=descending)
    without_value.sort(key=lambda customer: customer.id, reverse=descending)
    return [customer.id for customer in (*with_value, *without_value)]


def a_crowd(tenant: str) -> list[Customer]:
    """Customers with equal values in most sort fields, and missing values where they may be."""
    return [
        a_customer(
            tenant_id=tenant,
            email=f"{word.replace(' ', '')}{number}@example.test",
            first_name=word,
            last_name=WORDS[number // 2],
            created_at=later(minutes=number % 4),
            updated_at=later(minutes=number % 5),
            statistics=_statistics(number),
        )
        for number, word in enumerate(WORDS)
    ]


def _statistics(number: int) -> Statistics:
    if number % 3 == 0:
        return NO_ORDERS
    return some_statistics(
        f"{number % 4}.{number % 3}5",
        orders=number % 3,
        first_order_date=later(hours=number % 3),
        last_order_date=later(days=1, microseconds=number % 5),
    )


async def page(
    storage: Storage,
    tenant: str,
    number: int = 1,
    size: int = 100,
    *,
    customer_filter: CustomerFilter = EVERYONE,
    sort: CustomerSort = NEWEST_FIRST,
) -> list[UUID]:
    async with storage.view(tenant) as view:
        customers = await view.customers.page(customer_filter, sort, Page(number=number, size=size))
        numbered = await view.customers.page_with_total(
            customer_filter, sort, Page(number=number, size=size)
        )
        assert list(numbered.customers) == list(customers)
        assert numbered.total == await view.customers.count(customer_filter)
    return [customer.id for customer in customers]


async def page_after(
    storage: Storage,
    tenant: str,
    after: Customer | None,
    limit: int,
    *,
    customer_filter: CustomerFilter = EVERYONE,
    sort: CustomerSort = NEWEST_FIRST,
) -> list[Customer]:
    """At most `limit` customers after `after`, by cursor; from the beginning if it is None."""
    key = CustomerKey(value=sort.by.of(after), id=after.id) if after else None
    async with storage.view(tenant) as view:
        return list(await view.customers.page_after(customer_filter, sort, key, limit))


async def walk(
    storage: Storage,
    tenant: str,
    sort: CustomerSort,
    limit: int,
    customer_filter: CustomerFilter = EVERYONE,
) -> list[UUID]:
    """The ids of all customers, read page by page by cursor; fails if the pages do not end."""
    walked: list[Customer] = []
    for _ in range(40):
        last = walked[-1] if walked else None
        following = await page_after(
            storage, tenant, last, limit, customer_filter=customer_filter, sort=sort
        )
        walked += following
        if not following:
            return [customer.id for customer in walked]
    raise AssertionError(f"the cursor does not end: {walked}")


class CustomerSortContract:
    @every_sort
    async def test_a_page_is_in_order(
        self, storage: Storage, tenant: str, sort: CustomerSort
    ) -> None:
        crowd = a_crowd(tenant)
        await add_customers(storage, *reversed(crowd))
        assert await page(storage, tenant, sort=sort) == sorted_ids(crowd, sort)

    @every_sort
    async def test_pages_neither_skip_nor_repeat(
        self, storage: Storage, tenant: str, sort: CustomerSort
    ) -> None:
        crowd = a_crowd(tenant)
        await add_customers(storage, *crowd)
        pages = [await page(storage, tenant, number, 5, sort=sort) for number in (1, 2, 3)]
        assert [len(ids) for ids in pages] == [5, 5, 2]
        assert list(chain(*pages)) == sorted_ids(crowd, sort)

    @every_sort
    async def test_cursor_pages_neither_skip_nor_repeat(
        self, storage: Storage, tenant: str, sort: CustomerSort
    ) -> None:
        crowd = a_crowd(tenant)
        await add_customers(storage, *crowd)
        assert await walk(storage, tenant, sort, limit=1) == sorted_ids(crowd, sort)
        assert await walk(storage, tenant, sort, limit=5) == sorted_ids(crowd, sort)


class CustomerPageContract:
    @pytest.mark.parametrize("number", [2, 3, 10**6, 10**12, 10**30])
    async def test_a_page_past_the_end_is_empty(
        self, storage: Storage, tenant: str, number: int
    ) -> None:
        await add_customers(storage, *(a_customer(tenant_id=tenant) for _ in range(3)))
        assert await page(storage, tenant, number, 3) == []

    async def test_a_page_and_its_total_are_of_one_moment(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(storage, a_customer(tenant_id=tenant))
        totals: list[int] = []
        async with asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(add_customers(storage, a_customer(tenant_id=tenant)))
            while not totals or totals[-1] < 13:
                await asyncio.sleep(0)
                async with storage.view(tenant) as view:
                    page = await view.customers.page_with_total(
                        EVERYONE, NEWEST_FIRST, Page(size=100)
                    )
                assert len(page.customers) == page.total
                totals.append(page.total)
        assert totals == sorted(totals)

    async def test_a_tenant_without_customers_has_an_empty_page(
        self, storage: Storage, tenant: str
    ) -> None:
        assert await page(storage, tenant) == []
        assert await walk(storage, tenant, NEWEST_FIRST, 10) == []

    async def test_listed_customers_have_every_field(self, storage: Storage, tenant: str) -> None:
        crowd = a_crowd(tenant)
        await add_customers(storage, *crowd)
        by_id = {customer.id: customer for customer in crowd}
        async with storage.view(tenant) as view:
            paged = await view.customers.page(EVERYONE, NEWEST_FIRST, Page(size=100))
            walked = await view.customers.page_after(EVERYONE, NEWEST_FIRST, None, 100)
        assert (
            {customer.id: customer for customer in paged}
            == {customer.id: customer for customer in walked}
            == by_id
        )

    async def test_deleted_customers_are_in_no_list(self, storage: Storage, tenant: str) -> None:
        here, eve = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, here, eve)
        await delete(storage, eve)
        assert await page(storage, tenant) == [here.id]
        assert await walk(storage, tenant, NEWEST_FIRST, 10) == [here.id]

    async def test_a_transaction_lists_its_own_changes(self, storage: Storage, tenant: str) -> None:
        old, new = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
        await add_customers(storage, old)
        async with storage.transaction(tenant) as tx:
            await tx.customers.add(new)
            await tx.customers.get_for_update(old.id)
            await tx.customers.save(old.deleted(later(days=1)))
            assert list(await tx.customers.page(EVERYONE, NEWEST_FIRST, Page())) == [new]
            assert list(await tx.customers.page_after(EVERYONE, NEWEST_FIRST, None, 9)) == [new]
            assert await tx.customers.count(EVERYONE) == 1

    async def test_a_filtered_list_can_be_paged(self, storage: Storage, tenant: str) -> None:
        customers = a_crowd(tenant)
        await add_customers(storage, *customers)
        customer_filter = CustomerFilter(min_total_spent=Decimal("1.00"))
        expected = sorted_ids(
            [customer for customer in customers if customer_filter.keeps(customer)], OLDEST_FIRST
        )
        pages = [
            await page(
                storage, tenant, number, 2, customer_filter=customer_filter, sort=OLDEST_FIRST
            )
            for number in range(1, 8)
        ]
        assert list(chain(*pages)) == expected
        assert await walk(storage, tenant, OLDEST_FIRST, 2, customer_filter) == expected
