"""The contract of `mismatched` and `crossed`, which go through customers in the order of ids."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from customers.core.model.customer import Customer
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.membership import DateRange
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.rules.timing import DateField
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.contract.segments import a_stored_segment, some_segments
from tests.contract.stale_candidates import a_customer_dated, a_date_range, every_date
from tests.support.builders import NOW, a_dynamic_segment, an_id, later
from tests.support.membership_steps import (
    apply_changes,
    membership_transaction,
    pending_candidates,
    set_capture,
    store_members,
)
from tests.support.storage_steps import (
    EVERYONE,
    a_stored_customer,
    add_customers,
    assign,
    delete,
    erase,
    save,
    searching,
    some_customers,
)

ADAS = searching("ada")
MANY = 100


async def mismatched(
    storage: Storage,
    segment: Segment,
    customer_filter: CustomerFilter | None,
    after: UUID | None = None,
    limit: int = MANY,
) -> tuple[Sequence[StaleCandidate], UUID | None]:
    async with membership_transaction(storage, segment.tenant_id) as tx:
        return await tx.memberships.mismatched(segment.id, customer_filter, after, limit)


async def mismatched_customers(
    storage: Storage, segment: Segment, customer_filter: CustomerFilter | None
) -> list[Customer]:
    """All mismatched customers, in the order in which they are returned."""
    candidates, last = await mismatched(storage, segment, customer_filter)
    assert last is None
    return [candidate.customer for candidate in candidates]


async def crossed_customers(
    storage: Storage,
    tenant: str,
    *date_ranges: DateRange,
    after: UUID | None = None,
    limit: int = MANY,
) -> list[Customer]:
    async with membership_transaction(storage, tenant) as tx:
        return [
            candidate.customer
            for candidate in await tx.memberships.crossed(date_ranges, after, limit)
        ]


class MismatchedContract:
    async def test_customers_on_whom_filter_and_members_differ_are_returned(
        self, storage: Storage, tenant: str
    ) -> None:
        names = ("Ada", "Ada", "Bob", "Bob")
        in_it, missing, wrong, out = [
            await a_stored_customer(storage, tenant, first_name=name, last_name="")
            for name in names
        ]
        segment, other = await some_segments(storage, tenant, 2)
        await store_members(storage, segment, in_it, wrong)
        await store_members(storage, other, missing, out)
        assert await mismatched_customers(storage, segment, ADAS) == [missing, wrong]
        assert await mismatched_customers(storage, segment, EVERYONE) == [missing, out]
        assert await mismatched_customers(storage, segment, None) == [in_it, wrong]

    async def test_deleted_customers_match_no_filter(self, storage: Storage, tenant: str) -> None:
        member, other, erased = await some_customers(storage, tenant, 3)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, member, erased)
        eve = await delete(storage, member)
        await delete(storage, other)
        await erase(storage, erased)
        for customer_filter in (EVERYONE, None):
            assert await mismatched_customers(storage, segment, customer_filter) == [
                eve,
                erased.erased(NOW),
            ]

    async def test_rules_and_assignments_can_be_compared(
        self, storage: Storage, tenant: str
    ) -> None:
        names = ("Ada", "Bob", "Ada")
        customers = [await a_stored_customer(storage, tenant, first_name=name) for name in names]
        segment = await a_stored_segment(storage, tenant)
        await assign(storage, segment, *customers[1:])
        await store_members(storage, segment, customers[0])
        rules = '[{"field": "first_name", "operator": "eq", "value": "ada"}]'
        rule = a_dynamic_segment(rules).rule
        assert rule is not None
        by_rule = CustomerFilter(rule=RuleAt(rule=rule, now=NOW))
        assert await mismatched_customers(storage, segment, by_rule) == customers[2:]
        assert (
            await mismatched_customers(storage, segment, CustomerFilter(assigned_to=segment.id))
            == customers
        )

    async def test_customers_with_pending_changes_are_left_out(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        segment = await a_stored_segment(storage, tenant)
        await set_capture(storage, tenant)
        await save(storage, ada)
        assert await mismatched_customers(storage, segment, EVERYONE) == [bob]
        await apply_changes(storage, tenant, [], await pending_candidates(storage, tenant))
        assert await mismatched_customers(storage, segment, EVERYONE) == [ada, bob]

    async def test_a_candidate_has_its_memberships_and_assignments(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        one, two = await some_segments(storage, tenant, 2)
        await assign(storage, one, customer)
        await store_members(storage, two, customer)
        candidates, _ = await mismatched(storage, one, EVERYONE)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(candidates) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]

    async def test_the_limit_counts_deleted_customers_and_those_with_pending_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = await some_customers(storage, tenant, 7)
        segment = await a_stored_segment(storage, tenant)
        await store_members(storage, segment, customers[0])
        customers[1] = await delete(storage, customers[1])
        await set_capture(storage, tenant)
        await save(storage, customers[4])
        candidates, last = await mismatched(storage, segment, EVERYONE, None, 3)
        assert ([candidate.customer for candidate in candidates], last) == (
            [customers[2]],
            customers[2].id,
        )
        candidates, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in candidates], last) == (
            [customers[3], customers[5]],
            customers[5].id,
        )
        candidates, last = await mismatched(storage, segment, EVERYONE, last, 3)
        assert ([candidate.customer for candidate in candidates], last) == (customers[6:], None)

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
    async def test_a_scan_ends_and_compares_every_customer_once(
        self, storage: Storage, tenant: str, limit: int
    ) -> None:
        customers = await some_customers(storage, tenant, 4)
        segment = await a_stored_segment(storage, tenant)
        candidates, last = await mismatched(storage, segment, EVERYONE, None, limit)
        walked = [candidate.customer for candidate in candidates]
        for _ in customers:
            if last is None:
                break
            candidates, last = await mismatched(storage, segment, EVERYONE, last, limit)
            walked += [candidate.customer for candidate in candidates]
        assert (walked, last) == (customers, None)

    async def test_a_scan_continues_after_any_id(self, storage: Storage, tenant: str) -> None:
        segment = await a_stored_segment(storage, tenant)
        before, customer = an_id(), await a_stored_customer(storage, tenant)
        candidates, last = await mismatched(storage, segment, EVERYONE, before)
        assert ([candidate.customer for candidate in candidates], last) == ([customer], None)
        candidates, last = await mismatched(storage, segment, EVERYONE, an_id())
        assert (list(candidates), last) == ([], None)


class CrossedContract:
    @every_date
    async def test_customers_with_a_date_in_a_range_are_returned_by_id(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        hours = (3, 1, 2, 9, 1, 2)
        customers = [
            evolve(a_customer_dated(tenant, date, later(hours=hour)), id=uuid4()) for hour in hours
        ]
        await add_customers(storage, *customers)
        date_range = a_date_range(date, later(hours=1), later(hours=3))
        expected = sorted([*customers[:3], *customers[4:]], key=lambda customer: customer.id)
        assert await crossed_customers(storage, tenant, date_range) == expected
        assert await crossed_customers(storage, tenant, date_range, limit=2) == expected[:2]
        assert (
            await crossed_customers(storage, tenant, date_range, after=expected[1].id, limit=2)
            == expected[2:4]
        )
        assert await crossed_customers(storage, tenant, date_range, after=expected[4].id) == []

    async def test_a_customer_in_several_ranges_is_returned_once(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(
            storage, *(customers := [a_customer_dated(tenant, _CREATED, later()) for _ in range(3)])
        )
        date_ranges = [
            a_date_range(_CREATED, later(days=-days), later(days=days)) for days in (1, 2)
        ]
        date_ranges.append(a_date_range(DateField.LAST_ORDER_DATE, later(), later(days=9_000)))
        assert await crossed_customers(storage, tenant, *date_ranges) == customers
        assert (
            await crossed_customers(storage, tenant, *date_ranges, after=customers[0].id, limit=1)
            == customers[1:2]
        )

    async def test_deleted_customers_and_those_with_pending_changes_are_left_out(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, with_next_version, rest = [
            a_customer_dated(tenant, _CREATED, later()) for _ in range(3)
        ]
        await add_customers(storage, eve, with_next_version, rest)
        await delete(storage, eve)
        await set_capture(storage, tenant)
        await save(storage, with_next_version)
        assert await crossed_customers(
            storage, tenant, a_date_range(_CREATED, later(), later())
        ) == [rest]

    async def test_a_candidate_has_its_memberships_and_assignments(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        one, two = await some_segments(storage, tenant, 2)
        await assign(storage, one, customer)
        await store_members(storage, two, customer)
        async with membership_transaction(storage, tenant) as tx:
            candidates = await tx.memberships.crossed([a_date_range(_CREATED, NOW, NOW)], None, 9)
        inside, assigned = frozenset({two.id}), frozenset({one.id})
        assert list(candidates) == [
            StaleCandidate(customer=customer, member_of=inside, assigned_to=assigned)
        ]


_CREATED = DateField.CREATED_AT
