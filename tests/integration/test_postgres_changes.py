"""How many statements changing and listing customers takes, and what a concurrent write changes."""

import asyncio
from typing import Any

import pytest

from customers.core.errors import StaleVersion
from customers.core.model.customer import Customer, CustomerChange
from customers.core.model.customer_filter import CustomerFilter, DeletedCustomers
from customers.core.model.principal import ANYONE
from customers.core.model.query import CustomerSort, Page
from customers.core.model.search import Search
from customers.core.ports.storage import Storage
from customers.core.services.customers import Customers, Versions
from tests.support.builders import NOW, FixedClock, SequentialIds
from tests.support.statement_count import counting_statements
from tests.support.storage_steps import Pause, a_stored_customer, get_customer, overlap

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]


async def change(
    storage: Storage, customer: Customer, versions: Versions = None, **fields: Any
) -> Customer:
    service = Customers(storage, FixedClock(NOW), SequentialIds())
    return await service.change(
        customer.tenant_id,
        customer.id,
        CustomerChange(**fields),
        principal=ANYONE,
        versions=versions,
    )


async def test_a_change_is_two_statements(storage: Storage, tenant: str) -> None:
    customer = await a_stored_customer(storage, tenant)
    with counting_statements() as statements:
        assert await change(storage, customer, first_name=customer.first_name) == customer
        assert statements.number == 1
        with pytest.raises(StaleVersion):
            await change(storage, customer, frozenset({7}), first_name="Eve")
        assert statements.number == 2
        changed = await change(storage, customer, frozenset({1}), first_name="Eve")
        assert statements.number == 4
    assert (changed.first_name, changed.version) == ("Eve", 2)


@pytest.mark.parametrize(("versions", "is_changed"), [(None, True), (frozenset({1}), False)])
async def test_a_change_that_another_write_overtakes_is_made_on_top_of_it(
    storage: Storage, tenant: str, versions: Versions, is_changed: bool
) -> None:
    customer = await a_stored_customer(storage, tenant)

    async def save_first(pause: Pause) -> None:
        async with storage.transaction(tenant) as tx:
            stored = await tx.customers.get_for_update(customer.id)
            await pause()
            changed = stored.change(CustomerChange(last_name="First"), now=NOW, actor=None)
            await tx.customers.save(changed)

    async def change_next() -> Customer | BaseException:
        changing = change(storage, customer, versions, first_name="Next")
        [result] = await asyncio.gather(changing, return_exceptions=True)
        return result

    result = await overlap(save_first, change_next)
    stored = await get_customer(storage, customer)
    if is_changed:
        assert result == stored
        assert (stored.first_name, stored.last_name, stored.version) == ("Next", "First", 3)
    else:
        assert isinstance(result, StaleVersion)
        assert (stored.last_name, stored.version) == ("First", 2)


@pytest.mark.parametrize(
    ("customer_filter", "number"),
    [
        (CustomerFilter(), 1),
        (CustomerFilter(tags=frozenset({"vip"})), 1),
        (CustomerFilter(tags=frozenset({"vip"}), deleted=DeletedCustomers.INCLUDE), 1),
        (CustomerFilter(search=Search.of("ada")), 3),
    ],
)
async def test_a_page_with_its_total_is_one_statement_unless_counting_is_costly(
    storage: Storage, tenant: str, customer_filter: CustomerFilter, number: int
) -> None:
    for _ in range(3):
        await a_stored_customer(storage, tenant, tags=("vip",), first_name="Ada")
    with counting_statements() as statements:
        async with storage.view(tenant) as view:
            page = await view.customers.page_with_total(
                customer_filter, CustomerSort(), Page(size=2)
            )
    assert (page.total, len(page.customers), statements.number) == (3, 2, number)
