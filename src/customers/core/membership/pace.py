"""The pace of the sweeper: how long it works for a tenant, for how many at once, and when it
pauses work for a tenant that fails.

A tenant cannot delay others for long: each has a budget of time in every sweep; tenants whose work
fails rest for longer and longer; a crew may visit several tenants at once, and not wait for slow
ones.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from attrs import define, field, frozen

Result = TypeVar("Result")
Visit = Callable[[], Awaitable[Result]]


class Crew(Protocol):
    """Visits tenants; a visit is some work of the sweeper for one tenant."""

    async def visit(self, visits: Mapping[str, Visit[Result]]) -> Sequence[Result | Exception]:
        """Starts the visits of these tenants, except tenants whose earlier visit is still under
        way. Returns the results and failures of all visits that have ended since the last call.
        """
        ...

    def leave(self) -> None:
        """Cancels the visits that are under way."""
        ...


class OneByOne(Crew):
    """Visits one tenant after another."""

    async def visit(self, visits: Mapping[str, Visit[Result]]) -> Sequence[Result | Exception]:
        outcomes = list[Result | Exception]()
        for visit in visits.values():
            try:
                outcomes.append(await visit())
            except Exception as failure:
                outcomes.append(failure)
        return outcomes

    def leave(self) -> None:
        """Does nothing: no visit is under way when `visit` has returned."""


@frozen(kw_only=True)
class Pace:
    """How long a tenant is worked on in a sweep (`budget`), and how long it rests after a failure;
    all in seconds of a clock that never goes back, which `now` reads. `crew` visits the tenants.
    """

    now: Callable[[], float] = lambda: 0.0
    crew: Crew = field(factory=OneByOne)
    budget: float = 1.0
    min_rest: float = 1.0
    max_rest: float = 0.0

    def budget_ends(self) -> Callable[[], bool]:
        """Starts a budget; returns a function that says whether the budget is used up."""
        end = self.now() + self.budget
        return lambda: self.now() >= end


@frozen(kw_only=True)
class _Rest:
    until: float
    seconds: float


@define(eq=False)
class Rests:
    """The tenants that rest after failures: twice as long after each, up to a maximum."""

    _pace: Pace
    _rests: dict[str, _Rest] = field(factory=dict, init=False)

    def is_resting(self, tenant_id: str) -> bool:
        rest = self._rests.get(tenant_id)
        return rest is not None and self._pace.now() < rest.until

    def failed(self, tenant_id: str) -> None:
        """Starts a rest of the tenant: `min_rest`, then twice the last rest, at most `max_rest`."""
        last = self._rests.get(tenant_id)
        seconds = self._pace.min_rest if last is None else 2 * last.seconds
        seconds = min(seconds, self._pace.max_rest)
        self._rests[tenant_id] = _Rest(until=self._pace.now() + seconds, seconds=seconds)

    def succeeded(self, tenant_id: str) -> None:
        """Ends the rest of the tenant; its next rest is a short one again."""
        self._rests.pop(tenant_id, None)
