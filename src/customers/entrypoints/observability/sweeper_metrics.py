"""Metrics of the sweeper: which process sweeps, its last success, and how far it is behind.

In processes that do not hold the lease all but the last success are 0, so a sum over processes
counts nothing twice.
"""

from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from customers.core.services.sweeper import MAX_BACKLOG

# The name and the help of each metric.
_LEADER = (
    "customers_sweeper_leader",
    "1 if this service holds the sweeper's lease, else 0. The sum over all replicas is 1, except "
    "for some seconds while another replica takes over.",
)
_LAST_SUCCESS = (
    "customers_sweeper_last_success_timestamp_seconds",
    "When this service last swept without a failure, in seconds since 1970; 0 if it never did. "
    "Use the maximum over all replicas.",
)
_PENDING_CHANGES = (
    "customers_sweeper_pending_changes",
    "Pending changes of all tenants when the last sweep began, counted up to "
    f"{MAX_BACKLOG}; 0 in processes that do not hold the lease.",
)
_LAG = (
    "customers_sweeper_lag_seconds",
    "Age of the oldest pending change when the last sweep began, in seconds; 0 without any, and in "
    "processes that do not hold the lease.",
)
_FAILED_BUILDS = (
    "customers_segment_builds_failed",
    "Number of segments whose members could not be built when the last sweep began; 0 in processes "
    "that do not hold the lease.",
)


class SweeperMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self._leader = gauge(*_LEADER, multiprocess_mode="livemax")
        # This value outlives the worker that swept.
        self._last_success = gauge(*_LAST_SUCCESS, multiprocess_mode="max")
        self._pending_changes = gauge(*_PENDING_CHANGES, multiprocess_mode="livemax")
        self._lag = gauge(*_LAG, multiprocess_mode="livemax")
        self._failed_builds = gauge(*_FAILED_BUILDS, multiprocess_mode="livemax")

    def set(
        self, *, is_leader: bool, pending_changes: int, lag_seconds: float, failed_builds: int
    ) -> None:
        self._failed_builds.set(failed_builds)
        self._leader.set(is_leader)
        self._pending_changes.set(pending_changes)
        self._lag.set(lag_seconds)

    def succeeded(self) -> None:
        self._last_success.set_to_current_time()
