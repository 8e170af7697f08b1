"""The errors of tasks that get no connection, or no answer in time; refusals are counted."""

from collections.abc import Callable
from typing import Final

from customers.adapters.postgres.engine.breaker import Breaker
from customers.adapters.postgres.engine.faults import cancellation_fault, fault_of
from customers.adapters.postgres.engine.observer import DatabaseObserver
from customers.bulkheads.groups import GroupObserver
from customers.bulkheads.turnstile import Turnstile
from customers.core.errors.availability import StorageFault, TenantBusy, Unavailable

ALL_IN_USE: Final = StorageFault(
    kind="pool_exhausted",
    cause="every connection of the pool was in use",
    remedy="look for slow statements in pg_stat_activity, or raise POOL_SIZE",
)


class Refusals(GroupObserver):
    """Makes and counts the errors of one pool. `report` adds the address of the database to a
    fault, and logs it; `turnstile` is where tasks wait for a connection.
    """

    def __init__(
        self,
        turnstile: Turnstile,
        breaker: Breaker,
        observer: DatabaseObserver,
        report: Callable[[StorageFault], StorageFault],
    ) -> None:
        self._turnstile = turnstile
        self._breaker = breaker
        self._observer = observer
        self._report = report

    def timed_out(self, tenant_id: str) -> TenantBusy | Unavailable:
        """The error of a task that waited for a connection for too long."""
        if self._turnstile.is_busy_with(tenant_id) and not self._breaker.is_suspicious:
            return self._tenant_busy()
        return self._all_in_use(ALL_IN_USE)

    def storage_down(self, fault: StorageFault) -> Unavailable:
        """The error of a task that must not wait, because the breaker refuses requests."""
        self._observer.refused("storage_down")
        return Unavailable(fault=fault)

    def shared(self, calls: int) -> None:
        self._observer.shared(calls)

    def unanswered(self) -> Unavailable:
        """The error of a call whose statement had no answer in time, but may have had an effect."""
        fault = fault_of(TimeoutError()) if self._breaker.has_failures else cancellation_fault()
        return Unavailable(fault=self._report(fault))

    def late(self, tenant_id: str) -> TenantBusy | Unavailable:
        """The error of a call that waited for other statements of its tenant until its deadline.

        It is the error that the call would have had alone: the tenant may have no more connections,
        or a statement of its own would have had no result either.
        """
        if not self._turnstile.has_place_for(tenant_id):
            error = self.timed_out(tenant_id)
            if isinstance(error, Unavailable) and error.fault is not None:
                error.fault = self._report(error.fault)
            return error
        return self.unanswered()

    def refused_together(self, error: TenantBusy | Unavailable) -> TenantBusy | Unavailable:
        """A copy of the error with which a group failed, for another of its calls. A refusal is
        counted again.
        """
        if isinstance(error, TenantBusy):
            return self._tenant_busy()
        if error.fault is not None and error.fault.kind == ALL_IN_USE.kind:
            return self._all_in_use(error.fault)
        if self._breaker.fault is not None and error.fault is not None:
            return self.storage_down(error.fault)
        return Unavailable(str(error), fault=error.fault)

    def _tenant_busy(self) -> TenantBusy:
        self._observer.timed_out()
        self._observer.refused("tenant_connections")
        return TenantBusy()

    def _all_in_use(self, fault: StorageFault) -> Unavailable:
        self._observer.timed_out()
        self._observer.refused("connections")
        return Unavailable("every connection is in use, try again in a moment", fault=fault)
