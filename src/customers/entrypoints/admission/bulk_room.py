"""Limits how many bulk bodies a process may hold at once, because each may be large."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from customers.core.errors.availability import BatchesBusy
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

# With bodies of 16 MiB, these are 64 MiB at most, and what one group of rows of each needs.
MAX_BULKS: Final = 4


class BulkRoom:
    """Lets in MAX_BULKS bulks at a time, one of each tenant."""

    def __init__(self, refusals: RefusalMetrics) -> None:
        self._tenants: set[str] = set()
        self._refusals = refusals

    @contextmanager
    def admit(self, tenant_id: str) -> Iterator[None]:
        """Holds a place while the block runs. Raises BatchesBusy without one."""
        if tenant_id in self._tenants or len(self._tenants) >= MAX_BULKS:
            self._refusals.refused("bulks")
            raise BatchesBusy("another bulk upsert is under way, try again in a moment")
        self._tenants.add(tenant_id)
        try:
            yield
        finally:
            self._tenants.discard(tenant_id)
