"""The contract of `scan`, which goes through all customers in the order of ids."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from customers.core.model.pending_changes import StaleCandidate
from customers.core.ports.storage import Storage
from tests.contract.segments import some_segments
from tests.support.builders import a_customer, a_tenant, an_id, numbered_id
from tests.support.membership_steps import set_capture, store_members
from tests.support.storage_steps import (
    a_stored_customer,
    add_customers,
    assign,
    delete,
    save,
    some_customers,
)

MANY = 100


async def scan(
    storage: Storage, tenant: str, after: UUID | None = None, limit: int = MANY
) -> Sequence[StaleCandidate]:
    async with storage.view(tenant) as view:
        return await view.memberships.scan(after, limit)


class ScanContract:
    async def test_a_scan_returns_all_customers_by_id_even_deleted_and_stale_ones(
        self, storage: Storage, tenant: str
    ) -> None:
        unordered = [a_customer(tenant_id=tenant, id=uuid4()) for _ in range(5)]
        await add_customers(storage, *unordered)
        deleted = await delete(storage, unordered[0])
        await set_capture(storage, tenant)
        await save(storage, unordered[1])
        expected = sorted([deleted, *unordered[1:]], key=lambda customer: customer.id)
        assert [candidate.customer for candidate in await scan(storage, tenant)] == expected

    async def test_a_scan_returns_at_most_the_limit_and_continues_after_any_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 3)
        first = await scan(storage, tenant, numbered_id(0), 2)
        assert [candidate.customer for candidate in first] == customers[:2]
        rest = await scan(storage, tenant, customers[1].id, 2)
        assert [candidate.customer for candidate in rest] == customers[2:]
        assert list(await scan(storage, tenant, an_id())) == []
        assert list(await scan(storage, a_tenant())) == []

    async def test_a_scanned_candidate_has_its_memberships_and_assignments(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        one, two = await some_segments(storage, tenant, 2)
        await assign(storage, one, customer)
        await store_members(storage, two, customer)
        (candidate,) = await scan(storage, tenant)
        assert (candidate.member_of, candidate.assigned_to) == (
            frozenset({two.id}),
            frozenset({one.id}),
        )
