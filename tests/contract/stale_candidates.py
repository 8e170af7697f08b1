"""The contract of `stale_candidates` and `due`."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest

from customers.core.model.customer import Customer
from customers.core.model.membership import DateRange
from customers.core.model.pending_changes import StaleCandidate
from customers.core.model.rules.timing import DateField
from customers.core.ports.storage import Storage
from tests.contract.segments import some_segments
from tests.support.builders import (
    FIRST_MOMENT,
    LAST_MOMENT,
    a_customer,
    an_id,
    later,
    some_statistics,
)
from tests.support.membership_steps import MANY, set_capture, store_members
from tests.support.storage_steps import (
    a_stored_customer,
    add_customers,
    assign,
    delete,
    save,
    some_customers,
)

every_date = pytest.mark.parametrize("date", DateField)


def a_customer_dated(tenant: str, date: DateField, moment: datetime | None) -> Customer:
    """A customer whose `date` is `moment`, and whose other dates are far away."""
    dates: dict[str, Any] = {
        "created_at": later(days=-5_000),
        "first_order_date": later(days=-5_000),
        "last_order_date": later(days=5_000),
        date.value: moment,
    }
    created_at = dates.pop("created_at")
    return a_customer(tenant_id=tenant, created_at=created_at, statistics=some_statistics(**dates))


def a_date_range(date: DateField, low: datetime, high: datetime) -> DateRange:
    return DateRange(date=date, low=low, high=high)


async def stale_candidates(
    storage: Storage, tenant: str, *date_ranges: DateRange, limit: int = MANY
) -> list[StaleCandidate]:
    """The stale candidates, sorted by id."""
    async with storage.view(tenant) as view:
        candidates = await view.memberships.stale_candidates(date_ranges, limit)
    return sorted(candidates, key=lambda candidate: candidate.customer.id)


async def stale_customers(storage: Storage, tenant: str, *date_ranges: DateRange) -> list[Customer]:
    return [
        candidate.customer for candidate in await stale_candidates(storage, tenant, *date_ranges)
    ]


async def due_segments(
    storage: Storage, tenant: str, date_ranges: dict[Any, Collection[DateRange]]
) -> set[Any]:
    async with storage.view(tenant) as view:
        return set(await view.memberships.due(date_ranges))


class StaleCandidateContract:
    async def test_nobody_is_stale_without_pending_changes_and_ranges(
        self, storage: Storage, tenant: str
    ) -> None:
        await a_stored_customer(storage, tenant)
        assert await stale_customers(storage, tenant) == []

    async def test_customers_with_pending_changes_are_stale_even_if_deleted(
        self, storage: Storage, tenant: str
    ) -> None:
        _, eve = await some_customers(storage, tenant, 2)
        await set_capture(storage, tenant)
        new = await a_stored_customer(storage, tenant)
        eve = await delete(storage, eve)
        assert await stale_customers(storage, tenant) == [eve, new]

    @every_date
    async def test_customers_with_a_date_in_a_range_are_stale(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        moments = [later(microseconds=microseconds) for microseconds in (-1, 0, 5, 10, 11)]
        customers = [a_customer_dated(tenant, date, moment) for moment in moments]
        await add_customers(storage, *customers)
        date_range = a_date_range(date, moments[1], moments[3])
        assert await stale_customers(storage, tenant, date_range) == customers[1:4]
        assert (
            await stale_customers(storage, tenant, a_date_range(date, moments[3], moments[1])) == []
        )

    @pytest.mark.parametrize("date", [DateField.FIRST_ORDER_DATE, DateField.LAST_ORDER_DATE])
    async def test_a_customer_without_the_date_is_in_no_range(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        await add_customers(
            storage,
            a_customer_dated(tenant, date, None),
            other := a_customer_dated(tenant, date, later()),
        )
        assert await stale_customers(
            storage, tenant, a_date_range(date, FIRST_MOMENT, LAST_MOMENT)
        ) == [other]

    async def test_a_deleted_customer_without_pending_changes_is_not_stale(
        self, storage: Storage, tenant: str
    ) -> None:
        await delete(storage, await a_stored_customer(storage, tenant))
        date_range = a_date_range(DateField.CREATED_AT, FIRST_MOMENT, LAST_MOMENT)
        assert await stale_customers(storage, tenant, date_range) == []

    async def test_a_customer_stale_for_several_reasons_is_returned_once(
        self, storage: Storage, tenant: str
    ) -> None:
        await add_customers(
            storage, customer := a_customer_dated(tenant, DateField.CREATED_AT, later())
        )
        await set_capture(storage, tenant)
        for _ in range(2):
            await save(storage, customer)
        date_ranges = [a_date_range(field, FIRST_MOMENT, LAST_MOMENT) for field in DateField]
        assert await stale_customers(storage, tenant, *date_ranges, *date_ranges) == [customer]

    async def test_a_stale_candidate_has_its_segments_and_no_pending_changes(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        one, two = await some_segments(storage, tenant, 2)
        await assign(storage, one, ada)
        await store_members(storage, one, ada)
        await store_members(storage, two, ada)
        await set_capture(storage, tenant)
        await save(storage, bob)
        both = frozenset({one.id, two.id})
        assert await stale_candidates(storage, tenant, _ALWAYS) == [
            StaleCandidate(customer=ada, member_of=both, assigned_to=frozenset({one.id})),
            StaleCandidate(customer=bob),
        ]

    async def test_at_most_the_limit_is_returned(self, storage: Storage, tenant: str) -> None:
        customers = await some_customers(storage, tenant, 2)
        await set_capture(storage, tenant)
        customers += await some_customers(storage, tenant, 2)
        for limit in range(1, 6):
            candidates = await stale_candidates(storage, tenant, _ALWAYS, limit=limit)
            assert (
                len({candidate.customer.id for candidate in candidates})
                == len(candidates)
                == min(limit, 4)
            )


class DueContract:
    @every_date
    async def test_segments_with_a_customer_in_a_range_are_due(
        self, storage: Storage, tenant: str, date: DateField
    ) -> None:
        customer = a_customer_dated(tenant, date, later())
        await add_customers(storage, customer)
        now, before, after = (later(microseconds=microseconds) for microseconds in (0, -1, 1))
        date_ranges = {
            "at": [a_date_range(date, now, now)],
            "before": [a_date_range(date, later(days=-1), before)],
            "after": [a_date_range(date, after, later(days=1))],
            "second": [a_date_range(date, after, after), a_date_range(date, before, after)],
            "none": [],
        }
        names = {an_id(): name for name in date_ranges}
        segment_ids = await due_segments(
            storage, tenant, {id: date_ranges[name] for id, name in names.items()}
        )
        assert {names[segment_id] for segment_id in segment_ids} == {"at", "second"}

    async def test_deleted_customers_and_missing_dates_make_no_segment_due(
        self, storage: Storage, tenant: str
    ) -> None:
        await delete(storage, await a_stored_customer(storage, tenant))
        assert await due_segments(storage, tenant, {an_id(): [_ALWAYS]}) == set()
        await add_customers(storage, a_customer_dated(tenant, DateField.LAST_ORDER_DATE, None))
        date_range = a_date_range(DateField.LAST_ORDER_DATE, FIRST_MOMENT, LAST_MOMENT)
        assert await due_segments(storage, tenant, {an_id(): [date_range]}) == set()
        assert await due_segments(storage, tenant, {}) == set()


_ALWAYS = a_date_range(DateField.CREATED_AT, FIRST_MOMENT, LAST_MOMENT)
