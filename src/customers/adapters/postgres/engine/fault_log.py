"""Logs why the storage could not be used, at most once a second for one kind and SQLSTATE."""

import logging
from collections.abc import Callable
from time import monotonic

from customers.core.errors.availability import StorageFault

INTERVAL_SECONDS = 1.0

_log = logging.getLogger(__name__)


class FaultLog:
    """Logs faults, at most one per kind and SQLSTATE in INTERVAL_SECONDS. `now` returns seconds."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._logged_at: dict[tuple[str, str], float] = {}

    def log(self, fault: StorageFault) -> None:
        key, now = (fault.kind, fault.sqlstate), self._now()
        if now - self._logged_at.get(key, -INTERVAL_SECONDS) >= INTERVAL_SECONDS:
            self._logged_at[key] = now
            _log.warning("storage unavailable: %s", fault)
