"""The contract of locking and writing many customers at once."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from customers.adapters.ids import TimeOrderedIds
from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import Cause
from customers.core.model.upsert import CustomerRow, UpsertOutcome
from customers.core.ports.storage import Storage
from customers.core.services.upserts import Upserts
from tests.contract.change_capture import without_numbers
from tests.contract.customers import ALL_FIELDS
from tests.support.builders import NOW, FixedClock, a_customer, a_tenant, an_id, later
from tests.support.membership_steps import pending_changes_of, set_capture
from tests.support.storage_steps import (
    a_stored_customer,
    count,
    delete,
    failing_transaction,
    get_customer,
)


async def get_many(
    storage: Storage, tenant: str, ids: Collection[UUID] = (), keys: Collection[str] = ()
) -> dict[UUID, Customer]:
    async with storage.transaction(tenant) as tx:
        found = await tx.customers.get_many_for_update(ids, keys)
    assert len({customer.id for customer in found}) == len(found)
    return {customer.id: customer for customer in found}


async def write_many(
    storage: Storage, added: Sequence[Customer] = (), changed: Sequence[Customer] = ()
) -> None:
    async with storage.transaction([*added, *changed][0].tenant_id) as tx:
        ids = {customer.id for customer in changed}
        keys = {customer.email_key for customer in (*added, *changed)}
        await tx.customers.get_many_for_update(ids, keys)
        await tx.customers.write_many(added, changed)


async def upsert(storage: Storage, tenant: str, *rows: dict[str, Any]) -> Sequence[UpsertOutcome]:
    """Applies rows, each a mapping of some fields, as a group."""
    upserts = Upserts(storage, FixedClock(NOW), TimeOrderedIds())
    required = {"first_name": "Ada", "last_name": ""}
    group = [
        upserts.upsert_of(tenant, CustomerRow(**required | row), frozenset(required | row))
        for row in rows
    ]
    return await upserts.apply(tenant, group, actor=None)


class CustomerGroupContract:
    async def test_customers_are_found_by_id_and_by_email(
        self, storage: Storage, tenant: str
    ) -> None:
        ann, bob, eve = [await a_stored_customer(storage, tenant) for _ in range(3)]
        await a_stored_customer(storage, tenant)
        await a_stored_customer(storage, a_tenant(), email=eve.email)
        keys = {bob.email_key, eve.email_key, "nobody@example.test"}
        found = await get_many(storage, tenant, {ann.id, bob.id, an_id()}, keys)
        assert found == {one.id: one for one in (ann, bob, eve)}

    async def test_deleted_customers_are_found_by_id_only(
        self, storage: Storage, tenant: str
    ) -> None:
        gone = await a_stored_customer(storage, tenant)
        await delete(storage, gone)
        assert await get_many(storage, tenant, keys=[gone.email_key]) == {}
        found = await get_many(storage, tenant, [gone.id], [gone.email_key])
        assert [not one.is_living for one in found.values()] == [True]

    async def test_nothing_is_found_for_nothing(self, storage: Storage, tenant: str) -> None:
        await a_stored_customer(storage, tenant)
        assert await get_many(storage, tenant) == {}

    async def test_every_field_of_new_and_changed_customers_is_stored(
        self, storage: Storage, tenant: str
    ) -> None:
        fields = ALL_FIELDS | {"email": "new@example.test"}
        added = [a_customer(tenant_id=tenant, **fields), a_customer(tenant_id=tenant)]
        before = [await a_stored_customer(storage, tenant) for _ in range(2)]
        changed = [evolve(before[0], **ALL_FIELDS), evolve(before[1], tags=("",), version=2)]
        await write_many(storage, added, changed)
        for customer in (*added, *changed):
            assert await get_customer(storage, customer) == customer

    async def test_counts_follow(self, storage: Storage, tenant: str) -> None:
        before = [await a_stored_customer(storage, tenant) for _ in range(3)]
        changed = [
            evolve(before[0], customer_type=CustomerType.VIP, version=2),
            evolve(before[1], status=CustomerStatus.INACTIVE, version=2),
            evolve(before[2], notes="new", version=2),
        ]
        added = [
            a_customer(tenant_id=tenant, customer_type=CustomerType.VIP),
            a_customer(tenant_id=tenant),
        ]
        await write_many(storage, added, changed)
        assert await count(storage, tenant) == 5
        async with storage.view(tenant) as view:
            vips = CustomerFilter(types=frozenset({CustomerType.VIP}))
            inactive = CustomerFilter(statuses=frozenset({CustomerStatus.INACTIVE}))
            assert await view.customers.count(vips) == 2
            assert await view.customers.count(inactive) == 1

    async def test_each_customer_has_a_pending_change(self, storage: Storage, tenant: str) -> None:
        before = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant)
        moment = later(days=1)
        changed = evolve(before, notes="new", version=2, updated_at=moment)
        added = a_customer(tenant_id=tenant, updated_at=moment)
        await write_many(storage, [added], [changed])
        expected = [(moment, Cause.CUSTOMER, before)]
        assert without_numbers(await pending_changes_of(storage, changed)) == expected
        expected_of_added = [(moment, Cause.CUSTOMER, None)]
        assert without_numbers(await pending_changes_of(storage, added)) == expected_of_added

    async def test_without_capture_there_is_no_pending_change(
        self, storage: Storage, tenant: str
    ) -> None:
        before = await a_stored_customer(storage, tenant)
        added = a_customer(tenant_id=tenant)
        await write_many(storage, [added], [evolve(before, notes="new", version=2)])
        for customer in (before, added):
            assert not await pending_changes_of(storage, customer)

    async def test_a_rolled_back_group_leaves_nothing(self, storage: Storage, tenant: str) -> None:
        added = a_customer(tenant_id=tenant)
        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.get_many_for_update([], [added.email_key])
            await tx.customers.write_many([added], [])
        with pytest.raises(CustomerNotFound):
            await get_customer(storage, added)
        assert await count(storage, tenant) == 0

    async def test_addresses_pass_from_one_to_another_in_the_order_of_the_rows(
        self, storage: Storage, tenant: str
    ) -> None:
        ann, bob = [await a_stored_customer(storage, tenant) for _ in range(2)]
        rows = [
            {"email": "temporary@example.test", "id": ann.id},
            {"email": ann.email, "id": bob.id},
            {"email": bob.email, "id": ann.id},
        ]
        await upsert(storage, tenant, *rows)
        assert (await get_customer(storage, ann)).email == bob.email
        assert (await get_customer(storage, bob)).email == ann.email

    async def test_groups_at_once_leave_one_customer_for_each_address(
        self, storage: Storage, tenant: str
    ) -> None:
        """Groups in opposite orders, and single customers, with the same addresses."""
        emails = [f"{number}@example.test" for number in range(40)]
        orders = (emails, emails[::-1], emails[20:] + emails[:20])
        autocommit = storage.autocommit(tenant)
        singles = [
            autocommit.add_customer(a_customer(tenant_id=tenant, email=email)) for email in emails
        ]
        groups = [
            upsert(storage, tenant, *[{"email": email, "notes": str(n)} for email in order])
            for n, order in enumerate(orders)
        ]
        await asyncio.gather(*groups, *singles)
        assert await count(storage, tenant) == len(emails)
        async with storage.view(tenant) as view:
            assert len(await view.customers.by_emails(emails)) == len(emails)

    async def test_an_id_that_two_groups_give_is_of_one_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        id, emails = an_id(), [f"{number}@example.test" for number in range(4)]

        await asyncio.gather(
            *(upsert(storage, tenant, {"email": email, "id": id}) for email in emails)
        )
        assert await count(storage, tenant) == 1
        assert (await get_many(storage, tenant, [id]))[id].version == len(emails)
