"""What every storage promises of going through customers by id, to put stored members right."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.membership import DateRange, StaleCandidate
from customers.core.model.query import CustomerFilter, RuleAt
from customers.core.model.rules.timing import DateField
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.membership_steps import let_in, marked, members_locked, settle, watch
from tests.contract.segments import a_kept_segment
from tests.contract.stale_candidates import a_span, dated, every_date
from tests.contract.steps import (
    EVERYONE,
    a_kept_customer,
    delete,
    erase,
    keep,
    put,
    save,
)
from tests.support.builders import NOW, a_dynamic_segment, an_id, later

ADAS = CustomerFilter(search="ada")
MANY = 100


async def mismatched(
    storage: Storage,
    segment: Segment,
    which: CustomerFilter | None,
    after: UUID | None = None,
    most: int = MANY,
) -> tuple[Sequence[StaleCandidate], UUID | None]:
    async with members_locked(storage, segment.tenant_id) as tx:
        return await tx.memberships.mismatched(segment.id, which, after, most)


async def those(storage: Storage, segment: Segment, which: CustomerFilter | None) -> list[Customer]:
    """All who are contradicted, in the order in which they come."""
    found, last = await mismatched(storage, segment, which)
    assert last is None
    return [candidate.customer for candidate in found]


async def aged(
    storage: Storage,
    tenant: str,
    *date_ranges: DateRange,
    after: UUID | None = None,
    most: int = MANY,
) -> list[Customer]:
    async with members_locked(storage, tenant) as tx:
        return [
            candidate.customer
            for candidate in await tx.memberships.crossed(date_ranges, after, most)
        ]


class ContradictedContract:
    async def test_those_are_given_of_whom_filter_and_members_disagree(
        self, storage: Storage, tenant: str
    ) -> None:
        names = ("Ada", "Ada", "Bob", "Bob")
        in_it, missing, wrong, out = [
            await a_kept_customer(storage, tenant, first_name=name, last_name="") for name in names
        ]
        segment, other = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await let_in(storage, segment, in_it, wrong)
        await let_in(storage, other, missing, out)
        assert await those(storage, segment, ADAS) == [missing, wrong]
        assert await those(storage, segment, EVERYONE) == [missing, out]
        assert await those(storage, segment, None) == [in_it, wrong]

    async def test_no_filter_keeps_the_deleted(self, storage: Storage, tenant: str) -> None:
        stored, other, erased = [await a_kept_customer(storage, tenant) for _ in range(3)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, stored, erased)
        gone = await delete(storage, stored)
        await delete(storage, other)
        await erase(storage, erased)
        for which in (EVERYONE, None):
            assert await those(storage, segment, which) == [gone, erased.erased(NOW)]

    async def test_rules_and_assignments_are_filters_too(
        self, storage: Storage, tenant: str
    ) -> None:
        names = ("Ada", "Bob", "Ada")
        crowd = [await a_kept_customer(storage, tenant, first_name=name) for name in names]
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, *crowd[1:])
        await let_in(storage, segment, crowd[0])
        written = '[{"field": "first_name", "operator": "eq", "value": "ada"}]'
        rule = a_dynamic_segment(written).rule
        assert rule is not None
        by_rule = CustomerFilter(rule=RuleAt(rule=rule, now=NOW))
        assert await those(storage, segment, by_rule) == crowd[2:]
        assert await those(storage, segment, CustomerFilter(assigned_to=segment.id)) == crowd

    async def test_those_with_marks_are_left_out_until_they_are_settled(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        segment = await a_kept_segment(storage, tenant)
        await watch(storage, tenant)
        await save(storage, ada)
        assert await those(storage, segment, EVERYONE) == [bob]
        await settle(storage, tenant, [], await marked(storage, tenant))
        assert await those(storage, segment, EVERYONE) == [ada, bob]

    async def test_everything_known_of_them_is_told(self, storage: Storage, tenant: str) -> None:
        customer = await a_kept_customer(storage, tenant)
        one, two = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, one, customer)
        await let_in(storage, two, customer)
        found, _ = await mismatched(storage, one, EVERYONE)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(found) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]

    async def test_a_round_looks_at_so_many_at_a_time_the_deleted_and_marked_too(
        self, storage: Storage, tenant: str
    ) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(7)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, crowd[0])
        crowd[1] = await delete(storage, crowd[1])
        await watch(storage, tenant)
        await save(storage, crowd[4])
        found, last = await mismatched(storage, segment, EVERYONE, None, 3)
        assert ([candidate.customer for candidate in found], last) == ([crowd[2]], crowd[2].id)
        found, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in found], last) == (
            [crowd[3], crowd[5]],
            crowd[5].id,
        )
        found, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in found], last) == (crowd[6:], None)

    @pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
    async def test_a_round_comes_to_its_end_and_sees_each_once(
        self, storage: Storage, tenant: str, most: int
    ) -> None:
        crowd = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment = await a_kept_segment(storage, tenant)
        found, last = await mismatched(storage, segment, EVERYONE, None, most)
        seen = [candidate.customer for candidate in found]
        for _ in crowd:
            if last is None:
                break
            found, last = await mismatched(storage, segment, EVERYONE, last, most)
            seen += [candidate.customer for candidate in found]
        assert (seen, last) == (crowd, None)

    async def test_a_round_begins_beyond_any_id(self, storage: Storage, tenant: str) -> None:
        segment = await a_kept_segment(storage, tenant)
        before, customer = an_id(), await a_kept_customer(storage, tenant)
        found, last = await mismatched(storage, segment, EVERYONE, before)
        assert ([candidate.customer for candidate in found], last) == ([customer], None)
        found, last = await mismatched(storage, segment, EVERYONE, an_id())
        assert (list(found), last) == ([], None)


class AgedContract:
    @every_date
    async def test_those_whose_date_lies_in_a_span_come_by_id(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        hours = (3, 1, 2, 9, 1, 2)
        crowd = [evolve(dated(tenant, date, later(hours=each)), id=uuid4()) for each in hours]
        await keep(storage, *crowd)
        span = a_span(date, later(hours=1), later(hours=3))
        wanted = sorted([*crowd[:3], *crowd[4:]], key=lambda each: each.id)
        assert await aged(storage, tenant, span) == wanted
        assert await aged(storage, tenant, span, most=2) == wanted[:2]
        assert await aged(storage, tenant, span, after=wanted[1].id, most=2) == wanted[2:4]
        assert await aged(storage, tenant, span, after=wanted[4].id) == []

    async def test_who_lies_in_several_spans_comes_once(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, *(crowd := [dated(tenant, _CREATED, later()) for _ in range(3)]))
        date_ranges = [a_span(_CREATED, later(days=-each), later(days=each)) for each in (1, 2)]
        date_ranges.append(a_span(DateField.LAST_ORDER_DATE, later(), later(days=9_000)))
        assert await aged(storage, tenant, *date_ranges) == crowd
        assert await aged(storage, tenant, *date_ranges, after=crowd[0].id, most=1) == crowd[1:2]

    async def test_neither_the_deleted_nor_the_marked_have_aged(
        self, storage: Storage, tenant: str
    ) -> None:
        gone, touched, rest = [dated(tenant, _CREATED, later()) for _ in range(3)]
        await keep(storage, gone, touched, rest)
        await delete(storage, gone)
        await watch(storage, tenant)
        await save(storage, touched)
        assert await aged(storage, tenant, a_span(_CREATED, later(), later())) == [rest]

    async def test_everything_known_of_them_is_told(self, storage: Storage, tenant: str) -> None:
        customer = await a_kept_customer(storage, tenant)
        one, two = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, one, customer)
        await let_in(storage, two, customer)
        async with members_locked(storage, tenant) as tx:
            found = await tx.memberships.crossed([a_span(_CREATED, NOW, NOW)], None, 9)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(found) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]


_CREATED = DateField.CREATED_AT
