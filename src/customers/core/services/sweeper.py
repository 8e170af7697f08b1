"""The sweeper: refreshes the members of segments and rewrites old search texts, in the background.

Reads are exact without it; it keeps the number of stale candidates small and completes backfills.
Only the process that holds the lease works; it renews the lease before each tenant. How it divides
its time between tenants is in `pace`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

from attrs import frozen

from customers.core.errors.availability import FaultKind, Unavailable
from customers.core.membership.pace import Pace, Rests
from customers.core.membership.refresh import apply_pending_changes, backfill, catch_up
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.membership import DateRange, RefreshState, build_error
from customers.core.model.segment import Segment
from customers.core.model.timeline import crossed_ranges
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage

Result = TypeVar("Result")

# The backlog is counted up to this number, so that counting costs little however large it is.
MAX_BACKLOG = 10_000
# The most search texts that one transaction writes, and the most transactions of one sweep.
_TEXT_STEP, _MAX_TEXT_STEPS = 200, 5
# The faults that concern one tenant; all others concern the whole storage.
_FAULTS_OF_TENANTS: frozenset[FaultKind] = frozenset({"statement_timeout", "locked", "conflict"})
_UNHURRIED = Pace()


@frozen(kw_only=True)
class BackfillProgress:
    """The number of backfills under way, and the progress of the slowest of them, 0 to 1."""

    count: int = 0
    progress: float = 1.0


@frozen(kw_only=True)
class Lag:
    """How far the stored members are behind: the number of pending changes of all tenants, up to
    MAX_BACKLOG, and the age of the oldest in seconds; and the number of builds that failed.
    """

    pending_changes: int = 0
    seconds: float = 0.0
    failed_builds: int = 0


class LeaseLost(Exception):
    """Another process has taken the lease over."""


class Sweeper:
    """Refreshes the tenants, as the `holder` of the lease."""

    def __init__(
        self, storage: Storage, clock: Clock, holder: UUID, pace: Pace = _UNHURRIED
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._holder = holder
        self._pace = pace
        self._rests = Rests(pace)
        self._outage: Exception | None = None

    async def refresh(self, lease_seconds: float) -> BackfillProgress | None:
        """Applies the pending changes of the tenants that do not rest, and advances one backfill of
        each by some steps, within the budget of the pace.

        Returns None when another process has the lease. Failures of tenants are raised as an
        ExceptionGroup after the visits of the other tenants; if the whole storage is unavailable,
        that error is raised.
        """
        if not await self._storage.lease(self._holder, lease_seconds):
            return None
        tenant_ids = await self._storage.tenants_to_refresh()
        results = await self._visit(tenant_ids, self._refresh, lease_seconds)
        if results is None:
            return None
        backfills = [one for one in results if isinstance(one, BackfillProgress)]
        count, progress = sum(one.count for one in backfills), [one.progress for one in backfills]
        return BackfillProgress(count=count, progress=min(progress, default=1.0))

    async def rewrite_search_texts(self) -> None:
        """Rewrites, in the current form, some search texts that older releases wrote."""
        for _ in range(_MAX_TEXT_STEPS):
            if await self._storage.rewrite_search_texts(_TEXT_STEP) < _TEXT_STEP:
                return

    async def lag(self, lease_seconds: float) -> Lag | None:
        """How far the stored members are behind; None when another process has the lease."""
        if not await self._storage.lease(self._holder, lease_seconds):
            return None
        backlog = await self._storage.backlog(MAX_BACKLOG)
        age = backlog.age(self._clock.now())
        return Lag(
            pending_changes=backlog.size,
            seconds=age.total_seconds(),
            failed_builds=await self._storage.failed_builds(),
        )

    async def follow_time(self, lease_seconds: float) -> None:
        """Refreshes the segments that have customers who crossed a threshold, and records builds
        that have failed, within the budget of the pace and while the sweeper holds the lease.
        Raises as `refresh` does.
        """
        tenant_ids = await self._storage.tenants_with_segments()
        await self._visit(tenant_ids, self._follow_time, lease_seconds)

    def leave(self) -> None:
        """Cancels the work that is still under way."""
        self._pace.crew.leave()

    async def _visit(
        self,
        tenant_ids: Sequence[str],
        work: Callable[[str], Awaitable[object]],
        lease_seconds: float,
    ) -> Sequence[object] | None:
        """Starts the work for the tenants that do not rest. Returns the results of the visits that
        have ended, earlier ones included; None when another process takes the lease over.

        Failures are raised as an ExceptionGroup after the other visits. When the whole storage is
        unavailable, that error is raised, and the tenants that are left are not tried.
        """
        self._outage = None
        visits = {
            tenant_id: partial(self._visit_one, tenant_id, work, lease_seconds)
            for tenant_id in tenant_ids
            if not self._rests.is_resting(tenant_id)
        }
        outcomes = await self._pace.crew.visit(visits)
        failures = [one for one in outcomes if isinstance(one, Exception)]
        if any(isinstance(failure, LeaseLost) for failure in failures):
            return None
        if self._outage is not None:
            raise self._outage
        if failures:
            raise ExceptionGroup("some tenants could not be refreshed", failures)
        return [one for one in outcomes if not isinstance(one, Exception)]

    async def _visit_one(
        self, tenant_id: str, work: Callable[[str], Awaitable[Result]], lease_seconds: float
    ) -> Result:
        if self._outage is not None:
            raise self._outage
        if not await self._storage.lease(self._holder, lease_seconds):
            raise LeaseLost
        try:
            result = await work(tenant_id)
        except Exception as failure:
            if _is_outage(failure):
                self._outage = failure
            else:
                self._rests.failed(tenant_id)
            raise
        self._rests.succeeded(tenant_id)
        return result

    async def _refresh(self, tenant_id: str) -> BackfillProgress:
        """Applies a tenant's pending changes and advances one backfill; returns the progress."""
        await apply_pending_changes(self._storage, tenant_id, self._pace.budget_ends())
        if (first := await self._first_backfill(tenant_id)) is not None:
            is_over = self._pace.budget_ends()
            await backfill(self._storage, tenant_id, first, self._clock, is_over)
        async with self._storage.view(tenant_id) as view:
            states = await view.memberships.refresh_states()
            customer_count = await view.customers.count(CustomerFilter())
        building = [state for state in states.values() if state.is_building]
        progress = [state.progress(customer_count) for state in building]
        return BackfillProgress(count=len(progress), progress=min(progress, default=1.0))

    async def _follow_time(self, tenant_id: str) -> None:
        if due := await self._due_segments(tenant_id):
            await catch_up(self._storage, tenant_id, due, self._clock, self._pace.budget_ends())

    async def _first_backfill(self, tenant_id: str) -> UUID | None:
        """The segment to backfill next, if any. Only one is backfilled at a time, so that it is
        ready soon.
        """
        async with self._storage.view(tenant_id) as view:
            states = await view.memberships.refresh_states()
        return min((id for id, state in states.items() if state.is_building), default=None)

    async def _due_segments(self, tenant_id: str) -> Sequence[UUID]:
        async with self._storage.consistent_view(tenant_id) as view:
            segments = await view.segments.all()
            states = await view.memberships.refresh_states()
            now = self._clock.now()
            ranges: Mapping[UUID, Sequence[DateRange]] = {
                segment.id: crossed
                for segment in segments
                if (watermark := states[segment.id].watermark)
                and (crossed := crossed_ranges(segment, watermark, now))
            }
            due = await view.memberships.due(ranges) if ranges else ()
            unbuilt = (one.id for one in segments if _has_failed_unnoticed(one, states[one.id]))
            return sorted({*due, *unbuilt})


def _has_failed_unnoticed(segment: Segment, refresh_state: RefreshState) -> bool:
    """Whether the members cannot be built, but the failure is not recorded yet."""
    return build_error(segment, refresh_state) is not None and not refresh_state.has_failed


def _is_outage(failure: Exception) -> bool:
    """Whether the storage failed as a whole, and not for one tenant."""
    return isinstance(failure, Unavailable) and (
        failure.fault is None or failure.fault.kind not in _FAULTS_OF_TENANTS
    )
