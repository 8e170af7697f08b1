"""The contract of a person's data: all of it is found, and after an erasure no personal value."""

from collections.abc import Sequence

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import SegmentAssignment, SegmentMembership, SequencedChange
from customers.core.model.order import StoredRefund
from customers.core.model.pending_changes import PendingChange
from customers.core.model.personal_data import PERSONAL_DATA, RECORD_KINDS, ErasureEffect
from customers.core.ports.storage import Storage
from customers.core.services.personal_data import PersonalData
from tests.support import complete
from tests.support.builders import FixedClock, a_note, an_entry, an_id, later
from tests.support.full_tenant import ADA, BOB, EVE, store_full_tenant
from tests.support.storage_steps import (
    a_stored_customer,
    add_notes,
    add_refunds,
    delete,
    erase,
    save,
    save_entries,
)


async def records_of(
    storage: Storage, tenant: str, kind: type[object], customer: Customer
) -> list[object]:
    """All records of a kind that belong to a customer, from one consistent view."""
    async with storage.consistent_view(tenant) as view:
        portions = list[Sequence[object]]()
        async for portion in view.personal_data.records(kind, customer.id):
            portions.append(portion)
    assert all(portions), "a portion is never empty"
    return [record for portion in portions for record in portion]


async def everything_of(storage: Storage, tenant: str, customer: Customer) -> list[object]:
    kinds = [await records_of(storage, tenant, kind, customer) for kind in RECORD_KINDS]
    return [record for records in kinds for record in records]


class PersonalDataContract:
    async def test_everything_that_is_kept_of_a_customer_is_found(
        self, storage: Storage, tenant: str
    ) -> None:
        full = await store_full_tenant(storage, tenant)
        records = await everything_of(storage, tenant, full.ada)
        expected = [full.home, full.card, full.note, full.mail, full.order, full.stub, full.refund]
        expected.append(full.verification)
        assert [one for one in records if one in expected] == expected
        [assignment] = [one for one in records if isinstance(one, SegmentAssignment)]
        assert assignment.segment_id == full.segment.id
        [change] = [one for one in records if isinstance(one, SequencedChange)]
        assert (change.segment_id, change.customer_id) == (full.segment.id, ADA)
        assert len(records) == len(expected) + 2

    async def test_nothing_of_other_customers_is_found(self, storage: Storage, tenant: str) -> None:
        full = await store_full_tenant(storage, tenant)
        assert await everything_of(storage, tenant, full.bob) == []
        assert await everything_of(storage, f"{tenant}-2", full.ada) == []

    async def test_pending_changes_are_found_with_the_values_before(
        self, storage: Storage, tenant: str
    ) -> None:
        full = await store_full_tenant(storage, tenant)
        await save(storage, evolve(full.bob, last_name="new", version=2, updated_at=later(days=1)))
        [change] = await records_of(storage, tenant, PendingChange, full.bob)
        assert isinstance(change, PendingChange)
        assert change.before == full.bob

    @pytest.mark.parametrize("kind", RECORD_KINDS, ids=lambda kind: kind.__name__)
    async def test_no_personal_value_is_found_after_an_erasure(
        self, storage: Storage, tenant: str, kind: type
    ) -> None:
        full = await store_full_tenant(storage, tenant)
        await save(storage, evolve(full.ada, notes="new", version=9, updated_at=later(days=1)))
        assert await records_of(storage, tenant, kind, full.ada) != []
        await erase(storage, full.ada, later(days=2))
        record_map = PERSONAL_DATA[kind]
        left = await records_of(storage, tenant, kind, full.ada)
        if kind is PendingChange:  # the erasure itself is one, until a refresh applies it
            assert [one.before for one in left if isinstance(one, PendingChange)] == [None]
        else:
            assert (left == []) is record_map.is_removed
        emptied = [
            name for name in record_map.personal if record_map.effect(name) is ErasureEffect.EMPTIED
        ]
        assert [getattr(one, name) for one in left for name in emptied if getattr(one, name)] == []

    async def test_every_personal_field_of_a_customer_is_emptied(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = evolve(
            complete.CUSTOMER, id=an_id(), tenant_id=tenant, deleted_at=None, erased_at=None
        )
        assert await storage.autocommit(tenant).add_customer(customer)
        record_map = PERSONAL_DATA[Customer]
        assert all(getattr(customer, name) for name in record_map.personal)
        await erase(storage, customer)
        async with storage.transaction(tenant) as tx:
            left = await tx.customers.get_any_for_update(customer.id)
        assert [name for name in record_map.personal if getattr(left, name)] == []

    async def test_a_deleted_customer_is_found(self, storage: Storage, tenant: str) -> None:
        full = await store_full_tenant(storage, tenant)
        deleted = await delete(storage, full.ada)
        async with storage.view(tenant) as view:
            assert await view.personal_data.customer(ADA) == deleted
            assert await view.personal_data.customer(EVE) == full.eve
            assert await view.personal_data.customer(BOB) == full.bob
        assert await records_of(storage, tenant, Note, full.ada) == [full.note]

    async def test_unknown_and_erased_customers_are_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        full = await store_full_tenant(storage, tenant)
        await erase(storage, full.ada)
        async with storage.view(tenant) as view:
            for customer_id in (ADA, an_id()):
                with pytest.raises(CustomerNotFound):
                    await view.personal_data.customer(customer_id)
        async with storage.view(f"{tenant}-2") as view:
            with pytest.raises(CustomerNotFound):
                await view.personal_data.customer(BOB)

    async def test_notes_of_one_moment_are_all_found_oldest_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        notes = [a_note(customer, created_at=later(days=number % 2)) for number in range(250)]
        await add_notes(storage, customer, *notes)
        expected = sorted(notes, key=lambda note: (note.created_at, note.id.int))
        assert await records_of(storage, tenant, Note, customer) == expected

    async def test_orders_come_by_date_and_stubs_last_with_all_refunds(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        dated = [
            an_entry(customer, order_id=f"order-{number:04}", order_date=later(days=number % 3))
            for number in range(620)
        ]
        stubs = [Entry(order_id=f"stub-{number:04}", customer_id=customer.id) for number in (1, 2)]
        await save_entries(storage, customer, *dated, *stubs)
        refunds = [
            StoredRefund(
                order_id=f"order-{number:04}",
                refund_id="refund",
                amount=complete.REFUND.amount,
                refunded_at=later(days=9),
                recorded_at=later(days=9),
            )
            for number in (0, 300, 619)
        ]
        await add_refunds(storage, customer, *refunds)
        expected = sorted(dated, key=lambda one: (one.order_date, one.order_id))
        assert await records_of(storage, tenant, Entry, customer) == [*expected, *stubs]
        stored = await records_of(storage, tenant, StoredRefund, customer)
        assert {one.order_id for one in stored if isinstance(one, StoredRefund)} == {
            refund.order_id for refund in refunds
        }
        assert len(stored) == 3

    async def test_a_document_is_of_one_moment(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add_notes(storage, customer, note := a_note(customer))
        async with PersonalData(storage, FixedClock()).of(tenant, customer.id) as data:
            first = await anext(data.records)
            await add_notes(storage, customer, a_note(customer))
            rest = [portion async for portion in data.records]
        assert (first.kind, first.records) == (Customer, [customer])
        notes = [one for portion in rest if portion.kind is Note for one in portion.records]
        assert notes == [note]
        assert {portion.kind for portion in rest} == {*RECORD_KINDS, SegmentMembership}
