"""What is done for segments while nobody asks: so that a read finds little in doubt.

Reads are exact without it, and members that are being built are read by their rule. One process
sweeps at a time: whoever holds the lease, which is asked for again before every piece of work.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from attrs import frozen

from customers.core.membership.refresh import build, catch_up, settle_marks
from customers.core.model.membership import Span, spans
from customers.core.model.query import CustomerFilter
from customers.core.ports import Clock, Storage


@frozen(kw_only=True)
class Builds:
    """How many segments' members are being built, and how much of the customers they have seen:
    of the one that is furthest behind, 0 to 1.
    """

    number: int = 0
    progress: float = 1.0


class Sweeping:
    """The work of one who may sweep, known as `holder`."""

    def __init__(self, storage: Storage, clock: Clock, holder: UUID) -> None:
        self._storage = storage
        self._clock = clock
        self._holder = holder

    async def settle(self, seconds: float) -> Builds | None:
        """Settles every tenant's marks, and brings what is being built some steps further.

        None where somebody else sweeps; otherwise the lease is held for so long from then on.
        What goes wrong with one tenant is raised once all the others are done.
        """
        if not await self._storage.lease(self._holder, seconds):
            return None
        builds, problems = Builds(), list[Exception]()
        for tenant_id in await self._storage.tenants_to_settle():
            if not await self._storage.lease(self._holder, seconds):
                return None
            try:
                await settle_marks(self._storage, tenant_id)
                builds = _together(builds, await self._build(tenant_id))
            except Exception as problem:
                problems.append(problem)
        _raise_first(problems)
        return builds

    async def follow_time(self, seconds: float) -> None:
        """Moves those whose time has come, in every segment that has any, as long as it holds the
        lease. Raises as `settle` does.
        """
        problems = list[Exception]()
        for tenant_id in await self._storage.tenants_with_segments():
            if not await self._storage.lease(self._holder, seconds):
                return
            try:
                if overdue := await self._overdue(tenant_id):
                    await catch_up(self._storage, tenant_id, overdue, self._clock)
            except Exception as problem:
                problems.append(problem)
        _raise_first(problems)

    async def _build(self, tenant_id: str) -> Builds:
        """What is left to be built of a tenant's segments after some steps of one of them."""
        if (first := await self._first_to_build(tenant_id)) is not None:
            await build(self._storage, tenant_id, first, self._clock)
        async with self._storage.view(tenant_id) as view:
            left = await view.segments.standings()
            everyone = await view.customers.count(CustomerFilter())
        shares = [each.progress(everyone) for each in left.values() if not each.is_ready]
        return Builds(number=len(shares), progress=min(shares, default=1.0))

    async def _first_to_build(self, tenant_id: str) -> UUID | None:
        """One after the other, so that the first one is soon ready, and no tenant waits long."""
        async with self._storage.view(tenant_id) as view:
            standings = await view.segments.standings()
        return min((id for id, each in standings.items() if not each.is_ready), default=None)

    async def _overdue(self, tenant_id: str) -> Sequence[UUID]:
        async with self._storage.snapshot(tenant_id) as view:
            segments = await view.segments.all()
            standings = await view.segments.standings()
            now = self._clock.now()
            told: Mapping[UUID, Sequence[Span]] = {
                each.id: aged
                for each in segments
                if (settled_at := standings[each.id].settled_at)
                and (aged := spans(each, settled_at, now))
            }
            return sorted(await view.segments.overdue(told)) if told else ()


def _together(some: Builds, others: Builds) -> Builds:
    return Builds(number=some.number + others.number, progress=min(some.progress, others.progress))


def _raise_first(problems: Sequence[Exception]) -> None:
    for problem in problems:
        raise problem
