"""Limits how many orders of batches may be under way in a process, in all and of one tenant."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from customers.core.errors.availability import BatchesBusy
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

MAX_BATCH_ORDERS: Final = 1_000
MAX_ORDERS_UNDER_WAY: Final = 4_000
# The limit of one tenant, which leaves room for a batch of another tenant.
MAX_ORDERS_OF_TENANT: Final = MAX_ORDERS_UNDER_WAY - MAX_BATCH_ORDERS


class BatchRoom:
    def __init__(self, refusals: RefusalMetrics) -> None:
        self._under_way = Counter[str]()
        self._refusals = refusals

    @contextmanager
    def admit(self, tenant_ids: Iterable[str]) -> Iterator[None]:
        """Counts the orders of a batch as under way while the block runs. `tenant_ids` has the
        tenant of each order. Raises BatchesBusy when there is no room for all orders.
        """
        added = Counter(tenant_ids)
        if not self._has_room_for(added):
            self._refusals.refused("batch_orders")
            raise BatchesBusy
        self._under_way += added
        try:
            yield
        finally:
            self._under_way -= added

    def _has_room_for(self, added: Counter[str]) -> bool:
        after = self._under_way + added
        return after.total() <= MAX_ORDERS_UNDER_WAY and all(
            after[tenant_id] <= MAX_ORDERS_OF_TENANT for tenant_id in added
        )
