"""What every storage promises of customers with marks: all that is known of them, until settled."""

from attrs import evolve

from customers.core.model.membership import Cause, StaleCandidate
from customers.core.ports.storage import Storage
from tests.contract.change_capture import TOMORROW, a_whole_customer, told
from tests.contract.membership_steps import (
    a_flip,
    let_in,
    marked,
    marks_of,
    members_locked,
    settle,
    stored_members,
    watch,
)
from tests.contract.record_order import record_order
from tests.contract.segments import a_kept_segment
from tests.contract.steps import a_kept_customer, delete, erase, keep, put, save
from tests.support.builders import an_entry, an_id, later


class MarkedContract:
    async def test_the_marked_come_as_they_are_with_all_that_is_known(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        one, two, three = [await a_kept_segment(storage, tenant) for _ in range(3)]
        await put(storage, one, ada)
        await put(storage, three, ada)
        await let_in(storage, one, ada)
        await let_in(storage, two, ada, bob)
        await watch(storage, tenant)
        eve = await delete(storage, ada)
        assert await marked(storage, tenant) == [
            StaleCandidate(
                customer=eve,
                member_of=frozenset({one.id, two.id}),
                assigned_to=frozenset({one.id, three.id}),
                pending_changes=tuple(await marks_of(storage, ada)),
            )
        ]

    async def test_at_most_so_many_are_given_each_with_all_marks(
        self, storage: Storage, tenant: str
    ) -> None:
        await watch(storage, tenant)
        customers = [await a_kept_customer(storage, tenant) for _ in range(3)]
        for customer in customers:
            await save(storage, evolve(customer, first_name="Other"))
        async with members_locked(storage, tenant) as tx:
            for limit in range(1, 5):
                candidates = await tx.memberships.with_pending_changes(limit)
                assert [len(candidate.pending_changes) for candidate in candidates] == [2] * min(limit, 3)
                assert len({candidate.customer.id for candidate in candidates}) == min(limit, 3)

    async def test_with_ids_only_those_customers_are_given(
        self, storage: Storage, tenant: str
    ) -> None:
        quiet = await a_kept_customer(storage, tenant)
        await watch(storage, tenant)
        ada, bob, eve = [await a_kept_customer(storage, tenant) for _ in range(3)]
        candidates = await marked(storage, tenant, [quiet.id, ada.id, eve.id, an_id()])
        assert [candidate.customer for candidate in candidates] == [ada, eve]
        assert await marked(storage, tenant, []) == []
        assert [candidate.customer for candidate in await marked(storage, tenant)] == [
            ada,
            bob,
            eve,
        ]

    async def test_settling_takes_away_the_marks_of_those_who_are_settled(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        await watch(storage, tenant)
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        candidates = await marked(storage, tenant, [ada.id])
        await settle(storage, tenant, [a_flip(segment, ada)], candidates)
        assert [candidate.customer for candidate in await marked(storage, tenant)] == [bob]
        assert await stored_members(storage, segment) == [ada]

    async def test_a_mark_that_was_left_meanwhile_stays(
        self, storage: Storage, tenant: str
    ) -> None:
        await watch(storage, tenant)
        customer = await a_kept_customer(storage, tenant)
        candidates = await marked(storage, tenant)
        await record_order(storage, tenant, an_entry(customer), TOMORROW)
        await settle(storage, tenant, [], candidates)
        assert told(await marks_of(storage, customer)) == [(TOMORROW, Cause.ORDER, customer)]

    async def test_settling_the_unmarked_takes_nothing_away(
        self, storage: Storage, tenant: str
    ) -> None:
        await watch(storage, tenant)
        customer = await a_kept_customer(storage, tenant)
        before = await marked(storage, tenant)
        await settle(storage, tenant, [], [StaleCandidate(customer=customer)])
        assert await marked(storage, tenant) == before

    async def test_numbers_go_on_rising_when_marks_are_gone(
        self, storage: Storage, tenant: str
    ) -> None:
        await watch(storage, tenant)
        customer = await a_kept_customer(storage, tenant)
        numbers: list[int] = []
        for turn in range(3):
            await save(storage, evolve(customer, first_name=f"Ada {turn}"))
            candidates = await marked(storage, tenant)
            numbers += [
                pending_change.number
                for candidate in candidates
                for pending_change in candidate.pending_changes
            ]
            await settle(storage, tenant, [], candidates)
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 4

    async def test_of_an_erased_customer_no_mark_tells_who_they_were(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_kept_segment(storage, tenant)
        await watch(storage, tenant)
        await keep(storage, customer := a_whole_customer(tenant))
        await put(storage, segment, customer)
        await let_in(storage, segment, customer)
        await save(storage, evolve(customer, first_name="Other"))
        await erase(storage, customer, later(days=3))
        candidates = await marked(storage, tenant)
        assert [candidate.customer for candidate in candidates] == [customer.erased(later(days=3))]
        assert (list(candidates[0].member_of), list(candidates[0].assigned_to)) == ([segment.id], [])
        assert told(candidates[0].pending_changes) == [(later(days=3), Cause.CUSTOMER, None)]
