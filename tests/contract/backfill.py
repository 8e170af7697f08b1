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
    customer_filter: CustomerFilter | None,
    after: UUID | None = None,
    limit: int = MANY,
) -> tuple[Sequence[StaleCandidate], UUID | None]:
    async with members_locked(storage, segment.tenant_id) as tx:
        return await tx.memberships.mismatched(segment.id, customer_filter, after, limit)


async def those(storage: Storage, segment: Segment, customer_filter: CustomerFilter | None) -> list[Customer]:
    """All who are contradicted, in the order in which they come."""
    candidates, last = await mismatched(storage, segment, customer_filter)
    assert last is None
    return [candidate.customer for candidate in candidates]


async def aged(
    storage: Storage,
    tenant: str,
    *date_ranges: DateRange,
    after: UUID | None = None,
    limit: int = MANY,
) -> list[Customer]:
    async with members_locked(storage, tenant) as tx:
        return [
            candidate.customer
            for candidate in await tx.memberships.crossed(date_ranges, after, limit)
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
        eve = await delete(storage, stored)
        await delete(storage, other)
        await erase(storage, erased)
        for customer_filter in (EVERYONE, None):
            assert await those(storage, segment, customer_filter) == [eve, erased.erased(NOW)]

    async def test_rules_and_assignments_are_filters_too(
        self, storage: Storage, tenant: str
    ) -> None:
        names = ("Ada", "Bob", "Ada")
        customers = [await a_kept_customer(storage, tenant, first_name=name) for name in names]
        segment = await a_kept_segment(storage, tenant)
        await put(storage, segment, *customers[1:])
        await let_in(storage, segment, customers[0])
        rules = '[{"field": "first_name", "operator": "eq", "value": "ada"}]'
        rule = a_dynamic_segment(rules).rule
        assert rule is not None
        by_rule = CustomerFilter(rule=RuleAt(rule=rule, now=NOW))
        assert await those(storage, segment, by_rule) == customers[2:]
        assert await those(storage, segment, CustomerFilter(assigned_to=segment.id)) == customers

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
        candidates, _ = await mismatched(storage, one, EVERYONE)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(candidates) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]

    async def test_a_round_looks_at_so_many_at_a_time_the_deleted_and_marked_too(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(7)]
        segment = await a_kept_segment(storage, tenant)
        await let_in(storage, segment, customers[0])
        customers[1] = await delete(storage, customers[1])
        await watch(storage, tenant)
        await save(storage, customers[4])
        candidates, last = await mismatched(storage, segment, EVERYONE, None, 3)
        assert ([candidate.customer for candidate in candidates], last) == ([customers[2]], customers[2].id)
        candidates, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in candidates], last) == (
            [customers[3], customers[5]],
            customers[5].id,
        )
        candidates, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in candidates], last) == (customers[6:], None)

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
    async def test_a_round_comes_to_its_end_and_sees_each_once(
        self, storage: Storage, tenant: str, limit: int
    ) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(4)]
        segment = await a_kept_segment(storage, tenant)
        candidates, last = await mismatched(storage, segment, EVERYONE, None, limit)
        seen = [candidate.customer for candidate in candidates]
        for _ in customers:
            if last is None:
                break
            candidates, last = await mismatched(storage, segment, EVERYONE, last, limit)
            seen += [candidate.customer for candidate in candidates]
        assert (seen, last) == (customers, None)

    async def test_a_round_begins_beyond_any_id(self, storage: Storage, tenant: str) -> None:
        segment = await a_kept_segment(storage, tenant)
        before, customer = an_id(), await a_kept_customer(storage, tenant)
        candidates, last = await mismatched(storage, segment, EVERYONE, before)
        assert ([candidate.customer for candidate in candidates], last) == ([customer], None)
        candidates, last = await mismatched(storage, segment, EVERYONE, an_id())
        assert (list(candidates), last) == ([], None)


class AgedContract:
    @every_date
    async def test_those_whose_date_lies_in_a_span_come_by_id(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        hours = (3, 1, 2, 9, 1, 2)
        customers = [evolve(dated(tenant, date, later(hours=hour)), id=uuid4()) for hour in hours]
        await keep(storage, *customers)
        date_range = a_span(date, later(hours=1), later(hours=3))
        expected = sorted([*customers[:3], *customers[4:]], key=lambda customer: customer.id)
        assert await aged(storage, tenant, date_range) == expected
        assert await aged(storage, tenant, date_range, limit=2) == expected[:2]
        assert await aged(storage, tenant, date_range, after=expected[1].id, limit=2) == expected[2:4]
        assert await aged(storage, tenant, date_range, after=expected[4].id) == []

    async def test_who_lies_in_several_spans_comes_once(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, *(customers := [dated(tenant, _CREATED, later()) for _ in range(3)]))
        date_ranges = [a_span(_CREATED, later(days=-days), later(days=days)) for days in (1, 2)]
        date_ranges.append(a_span(DateField.LAST_ORDER_DATE, later(), later(days=9_000)))
        assert await aged(storage, tenant, *date_ranges) == customers
        assert await aged(storage, tenant, *date_ranges, after=customers[0].id, limit=1) == customers[1:2]

    async def test_neither_the_deleted_nor_the_marked_have_aged(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, touched, rest = [dated(tenant, _CREATED, later()) for _ in range(3)]
        await keep(storage, eve, touched, rest)
        await delete(storage, eve)
        await watch(storage, tenant)
        await save(storage, touched)
        assert await aged(storage, tenant, a_span(_CREATED, later(), later())) == [rest]

    async def test_everything_known_of_them_is_told(self, storage: Storage, tenant: str) -> None:
        customer = await a_kept_customer(storage, tenant)
        one, two = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, one, customer)
        await let_in(storage, two, customer)
        async with members_locked(storage, tenant) as tx:
            candidates = await tx.memberships.crossed([a_span(_CREATED, NOW, NOW)], None, 9)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(candidates) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]


_CREATED = DateField.CREATED_AT
