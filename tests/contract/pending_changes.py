"""The contract of `with_pending_changes`, and of `apply` for pending changes."""

from attrs import evolve

from customers.core.model.erasure import RecordKind
from customers.core.model.membership import Cause
from customers.core.model.pending_changes import StaleCandidate
from customers.core.ports.storage import Storage
from tests.contract.change_capture import TOMORROW, a_full_customer, without_numbers
from tests.contract.record_order import record_order
from tests.contract.segments import a_stored_segment, some_segments
from tests.support.builders import an_entry, an_id, later
from tests.support.membership_steps import (
    a_change,
    apply_changes,
    membership_transaction,
    pending_candidates,
    pending_changes_of,
    set_capture,
    store_members,
    stored_members,
)
from tests.support.storage_steps import (
    a_stored_customer,
    add_customers,
    assign,
    delete,
    erase,
    save,
    some_customers,
)


class PendingChangeContract:
    async def test_a_candidate_has_the_current_customer_their_segments_and_pending_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        one, two, three = await some_segments(storage, tenant, 3)
        await assign(storage, one, ada)
        await assign(storage, three, ada)
        await store_members(storage, one, ada)
        await store_members(storage, two, ada, bob)
        await set_capture(storage, tenant)
        eve = await delete(storage, ada)
        assert await pending_candidates(storage, tenant) == [
            StaleCandidate(
                customer=eve,
                member_of=frozenset({one.id, two.id}),
                assigned_to=frozenset({one.id, three.id}),
                pending_changes=tuple(await pending_changes_of(storage, ada)),
            )
        ]

    async def test_the_limit_counts_customers_not_pending_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        customers = await some_customers(storage, tenant, 3)
        for customer in customers:
            await save(storage, evolve(customer, first_name="Other"))
        async with membership_transaction(storage, tenant) as tx:
            for limit in range(1, 5):
                candidates = await tx.memberships.with_pending_changes(limit)
                assert [len(candidate.pending_changes) for candidate in candidates] == [2] * min(
                    limit, 3
                )
                assert len({candidate.customer.id for candidate in candidates}) == min(limit, 3)

    async def test_customer_ids_restrict_the_candidates(
        self, storage: Storage, tenant: str
    ) -> None:
        quiet = await a_stored_customer(storage, tenant)
        await set_capture(storage, tenant)
        ada, bob, eve = await some_customers(storage, tenant, 3)
        candidates = await pending_candidates(storage, tenant, [quiet.id, ada.id, eve.id, an_id()])
        assert [candidate.customer for candidate in candidates] == [ada, eve]
        assert await pending_candidates(storage, tenant, []) == []
        assert [candidate.customer for candidate in await pending_candidates(storage, tenant)] == [
            ada,
            bob,
            eve,
        ]

    async def test_apply_removes_the_pending_changes_of_refreshed_candidates(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        await set_capture(storage, tenant)
        ada, bob = await some_customers(storage, tenant, 2)
        candidates = await pending_candidates(storage, tenant, [ada.id])
        await apply_changes(storage, tenant, [a_change(segment, ada)], candidates)
        assert [candidate.customer for candidate in await pending_candidates(storage, tenant)] == [
            bob
        ]
        assert await stored_members(storage, segment) == [ada]

    async def test_apply_leaves_pending_changes_stored_meanwhile(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        customer = await a_stored_customer(storage, tenant)
        candidates = await pending_candidates(storage, tenant)
        await record_order(storage, tenant, an_entry(customer), TOMORROW)
        await apply_changes(storage, tenant, [], candidates)
        assert without_numbers(await pending_changes_of(storage, customer)) == [
            (TOMORROW, Cause.ORDER, customer)
        ]

    async def test_apply_with_a_candidate_without_pending_changes_removes_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        customer = await a_stored_customer(storage, tenant)
        before = await pending_candidates(storage, tenant)
        await apply_changes(storage, tenant, [], [StaleCandidate(customer=customer)])
        assert await pending_candidates(storage, tenant) == before

    async def test_numbers_rise_after_pending_changes_are_removed(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_capture(storage, tenant)
        customer = await a_stored_customer(storage, tenant)
        numbers: list[int] = []
        for turn in range(3):
            await save(storage, evolve(customer, first_name=f"Ada {turn}"))
            candidates = await pending_candidates(storage, tenant)
            numbers += [
                pending_change.number
                for candidate in candidates
                for pending_change in candidate.pending_changes
            ]
            await apply_changes(storage, tenant, [], candidates)
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 4

    async def test_pending_changes_of_an_erased_customer_have_no_personal_data(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        await set_capture(storage, tenant)
        await add_customers(storage, customer := a_full_customer(tenant))
        await assign(storage, segment, customer)
        await store_members(storage, segment, customer)
        await save(storage, evolve(customer, first_name="Other"))
        receipt = await erase(storage, customer, later(days=3))
        assert receipt.counts[RecordKind.PENDING_CHANGE] == 2
        candidates = await pending_candidates(storage, tenant)
        assert [candidate.customer for candidate in candidates] == [customer.erased(later(days=3))]
        assert (list(candidates[0].member_of), list(candidates[0].assigned_to)) == (
            [segment.id],
            [],
        )
        assert without_numbers(candidates[0].pending_changes) == [
            (later(days=3), Cause.CUSTOMER, None)
        ]
