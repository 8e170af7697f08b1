"""The contract of customer lists read by cursor, while they change and at their edges."""

from datetime import datetime

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.query import (
    CustomerSort,
    SortDirection,
    SortField,
)
from customers.core.ports.storage import Storage
from tests.contract.lists import NEWEST_FIRST, OLDEST_FIRST, page_after, sorted_ids, walk
from tests.support.builders import FIRST_MOMENT, LAST_MOMENT, a_customer, later, some_statistics
from tests.support.storage_steps import add_customers, delete, save


class CustomerCursorContract:
    @pytest.mark.parametrize("sort", [NEWEST_FIRST, OLDEST_FIRST])
    async def test_cursor_pages_return_everyone_once_while_others_are_added(
        self, storage: Storage, tenant: str, sort: CustomerSort
    ) -> None:
        crowd = [a_customer(tenant_id=tenant, created_at=later(days=day)) for day in range(8)]
        visitors = [
            a_customer(tenant_id=tenant, created_at=later(days=day, hours=1)) for day in range(8)
        ]
        await add_customers(storage, *crowd)
        walked: list[Customer] = []
        for visitor in visitors:
            walked += await page_after(
                storage, tenant, walked[-1] if walked else None, 2, sort=sort
            )
            await add_customers(storage, visitor)
        regulars = {customer.id for customer in crowd}
        assert [customer.id for customer in walked if customer.id in regulars] == sorted_ids(
            crowd, sort
        )
        assert len(walked) == len({customer.id for customer in walked})

    async def test_a_cursor_page_continues_after_a_deleted_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [a_customer(tenant_id=tenant, created_at=later(days=day)) for day in range(4)]
        await add_customers(storage, *crowd)
        await delete(storage, crowd[1])
        following = await page_after(storage, tenant, crowd[1], 9, sort=OLDEST_FIRST)
        assert following == crowd[2:]

    async def test_a_cursor_page_continues_among_customers_without_the_date(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [a_customer(tenant_id=tenant) for _ in range(3)]
        buyer = a_customer(tenant_id=tenant, statistics=some_statistics())
        await add_customers(storage, *crowd, buyer)
        for direction, without_date in (
            (SortDirection.ASC, crowd),
            (SortDirection.DESC, crowd[::-1]),
        ):
            sort = CustomerSort(by=SortField.LAST_ORDER_DATE, direction=direction)
            assert await page_after(storage, tenant, buyer, 9, sort=sort) == without_date
            assert (
                await page_after(storage, tenant, without_date[0], 9, sort=sort) == without_date[1:]
            )

    async def test_a_customer_moves_when_the_sort_field_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [a_customer(tenant_id=tenant, first_name=name) for name in ("a", "b", "c")]
        await add_customers(storage, *crowd)
        await save(storage, moved := evolve(crowd[0], first_name="d"))
        sort = CustomerSort(by=SortField.FIRST_NAME, direction=SortDirection.ASC)
        assert await page_after(storage, tenant, None, 9, sort=sort) == [*crowd[1:], moved]

    @pytest.mark.parametrize("moment", [FIRST_MOMENT, LAST_MOMENT])
    async def test_the_first_and_last_moment_sort_as_dates(
        self, storage: Storage, tenant: str, moment: datetime
    ) -> None:
        statistics = some_statistics(first_order_date=moment, last_order_date=moment)
        crowd = [a_customer(tenant_id=tenant, statistics=statistics) for _ in range(3)]
        crowd.append(a_customer(tenant_id=tenant))
        await add_customers(storage, *crowd)
        sort = CustomerSort(by=SortField.FIRST_ORDER_DATE, direction=SortDirection.ASC)
        assert await walk(storage, tenant, sort, 1) == [customer.id for customer in crowd]
