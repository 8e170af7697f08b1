"""What every storage promises of whom its stored members may be wrong about."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest

from customers.core.model.customer import Customer
from customers.core.model.membership import DateRange, StaleCandidate
from customers.core.model.rules.timing import DateField
from customers.core.ports.storage import Storage
from tests.contract.membership_steps import MANY, let_in, watch
from tests.contract.segments import a_kept_segment
from tests.contract.steps import a_kept_customer, delete, keep, put, save
from tests.support.builders import (
    FIRST_MOMENT,
    LAST_MOMENT,
    a_customer,
    an_id,
    later,
    some_statistics,
)

every_date = pytest.mark.parametrize("date", DateField)


def dated(tenant: str, date: DateField, moment: datetime | None) -> Customer:
    """A customer all of whose other dates are far away."""
    dates: dict[str, Any] = {
        "created_at": later(days=-5_000),
        "first_order_date": later(days=-5_000),
        "last_order_date": later(days=5_000),
        date.value: moment,
    }
    created_at = dates.pop("created_at")
    return a_customer(tenant_id=tenant, created_at=created_at, statistics=some_statistics(**dates))


def a_span(date: DateField, low: datetime, high: datetime) -> DateRange:
    return DateRange(date=date, low=low, high=high)


async def in_doubt(
    storage: Storage, tenant: str, *date_ranges: DateRange, limit: int = MANY
) -> list[StaleCandidate]:
    """Oldest id first."""
    async with storage.view(tenant) as view:
        candidates = await view.memberships.stale_candidates(date_ranges, limit)
    return sorted(candidates, key=lambda candidate: candidate.customer.id)


async def who(storage: Storage, tenant: str, *date_ranges: DateRange) -> list[Customer]:
    return [candidate.customer for candidate in await in_doubt(storage, tenant, *date_ranges)]


async def due(
    storage: Storage, tenant: str, date_ranges: dict[Any, Collection[DateRange]]
) -> set[Any]:
    async with storage.view(tenant) as view:
        return set(await view.memberships.due(date_ranges))


class DoubtContract:
    async def test_nobody_is_in_doubt_without_marks_and_spans(
        self, storage: Storage, tenant: str
    ) -> None:
        await a_kept_customer(storage, tenant)
        assert await who(storage, tenant) == []

    async def test_customers_with_marks_are_in_doubt_the_deleted_too(
        self, storage: Storage, tenant: str
    ) -> None:
        eve = [await a_kept_customer(storage, tenant) for _ in range(2)][-1]
        await watch(storage, tenant)
        new = await a_kept_customer(storage, tenant)
        eve = await delete(storage, eve)
        assert await who(storage, tenant) == [eve, new]

    @every_date
    async def test_customers_whose_date_lies_in_a_span_are_in_doubt(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        moments = [later(microseconds=microseconds) for microseconds in (-1, 0, 5, 10, 11)]
        customers = [dated(tenant, date, moment) for moment in moments]
        await keep(storage, *customers)
        date_range = a_span(date, moments[1], moments[3])
        assert await who(storage, tenant, date_range) == customers[1:4]
        assert await who(storage, tenant, a_span(date, moments[3], moments[1])) == []

    @pytest.mark.parametrize("date", [DateField.FIRST_ORDER_DATE, DateField.LAST_ORDER_DATE])
    async def test_who_has_no_date_lies_in_no_span(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        await keep(storage, dated(tenant, date, None), other := dated(tenant, date, later()))
        assert await who(storage, tenant, a_span(date, FIRST_MOMENT, LAST_MOMENT)) == [other]

    async def test_a_deleted_customer_without_marks_is_not_in_doubt(
        self, storage: Storage, tenant: str
    ) -> None:
        await delete(storage, await a_kept_customer(storage, tenant))
        date_range = a_span(DateField.CREATED_AT, FIRST_MOMENT, LAST_MOMENT)
        assert await who(storage, tenant, date_range) == []

    async def test_each_is_given_once_whatever_speaks_for_them(
        self, storage: Storage, tenant: str
    ) -> None:
        await keep(storage, customer := dated(tenant, DateField.CREATED_AT, later()))
        await watch(storage, tenant)
        for _ in range(2):
            await save(storage, customer)
        date_ranges = [a_span(field, FIRST_MOMENT, LAST_MOMENT) for field in DateField]
        assert await who(storage, tenant, *date_ranges, *date_ranges) == [customer]

    async def test_a_doubt_tells_the_segments_and_no_marks(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = [await a_kept_customer(storage, tenant) for _ in range(2)]
        one, two = [await a_kept_segment(storage, tenant) for _ in range(2)]
        await put(storage, one, ada)
        await let_in(storage, one, ada)
        await let_in(storage, two, ada)
        await watch(storage, tenant)
        await save(storage, bob)
        both = frozenset({one.id, two.id})
        assert await in_doubt(storage, tenant, _ALWAYS) == [
            StaleCandidate(customer=ada, member_of=both, assigned_to=frozenset({one.id})),
            StaleCandidate(customer=bob),
        ]

    async def test_at_most_so_many_are_given(self, storage: Storage, tenant: str) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(2)]
        await watch(storage, tenant)
        customers += [await a_kept_customer(storage, tenant) for _ in range(2)]
        for limit in range(1, 6):
            candidates = await in_doubt(storage, tenant, _ALWAYS, limit=limit)
            assert len({candidate.customer.id for candidate in candidates}) == len(candidates) == min(limit, 4)


class OverdueContract:
    @every_date
    async def test_segments_with_anyone_in_a_span_are_overdue(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        customer = dated(tenant, date, later())
        await keep(storage, customer)
        now, before, after = (later(microseconds=microseconds) for microseconds in (0, -1, 1))
        date_ranges = {
            "at": [a_span(date, now, now)],
            "before": [a_span(date, later(days=-1), before)],
            "after": [a_span(date, after, later(days=1))],
            "second": [a_span(date, after, after), a_span(date, before, after)],
            "none": [],
        }
        names = {an_id(): name for name in date_ranges}
        segment_ids = await due(storage, tenant, {id: date_ranges[name] for id, name in names.items()})
        assert {names[segment_id] for segment_id in segment_ids} == {"at", "second"}

    async def test_the_deleted_and_those_without_a_date_make_nothing_overdue(
        self, storage: Storage, tenant: str
    ) -> None:
        await delete(storage, await a_kept_customer(storage, tenant))
        assert await due(storage, tenant, {an_id(): [_ALWAYS]}) == set()
        await keep(storage, dated(tenant, DateField.LAST_ORDER_DATE, None))
        date_range = a_span(DateField.LAST_ORDER_DATE, FIRST_MOMENT, LAST_MOMENT)
        assert await due(storage, tenant, {an_id(): [date_range]}) == set()
        assert await due(storage, tenant, {}) == set()


_ALWAYS = a_span(DateField.CREATED_AT, FIRST_MOMENT, LAST_MOMENT)
