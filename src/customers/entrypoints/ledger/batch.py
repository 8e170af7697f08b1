"""Batches of orders, over REST and gRPC: each order is recorded or refused on its own.

Which orders of a batch may run concurrently is decided in `keyed_order.py`.
"""

import asyncio
from collections.abc import Collection, Hashable, Sequence
from typing import Final, TypeAlias

from customers.core.errors import Invalid, Problem, Unavailable
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.ledger.commands import OrderCommand
from customers.entrypoints.ledger.keyed_order import run_in_key_order
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics

MAX_BATCH_ORDERS: Final = 1_000
# Orders of all batches of a process that are recorded at the same time, so that batches leave
# connections to single calls.
MAX_CONCURRENT_ORDERS: Final = 4

TOO_MANY_ORDERS: Final = Problem(
    field="orders",
    pointer="/orders",
    message=f"must be at most {MAX_BATCH_ORDERS:,} orders",
    code="MAX_LENGTH",
)

# What came of an order: its result, or the error with which it was refused.
Outcome: TypeAlias = LedgerResult | Exception


class OrderBatches:
    """Records batches; all of them together have MAX_CONCURRENT_ORDERS slots."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_ORDERS)

    async def record(
        self, commands: Sequence[OrderCommand | Invalid], ledger_metrics: LedgerMetrics
    ) -> Sequence[Outcome]:
        """The outcome of each order, in the order of the commands; Invalid is its own outcome."""
        batch = _Batch(self._orders, ledger_metrics)
        return await run_in_key_order(commands, _keys, batch.outcome, self._slots)


class _Batch:
    """One batch. After the storage was unavailable once, its other orders fail without a try."""

    def __init__(self, orders: Orders, ledger_metrics: LedgerMetrics) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._is_storage_unavailable = False

    async def outcome(self, command: OrderCommand | Invalid) -> Outcome:
        try:
            with self._ledger_metrics.observe("order") as observation:
                observation.result = await self._record(command)
            return observation.result
        except Exception as error:
            return error

    async def _record(self, command: OrderCommand | Invalid) -> LedgerResult:
        if isinstance(command, Invalid):
            raise command
        if self._is_storage_unavailable:
            raise Unavailable
        try:
            return await self._orders.record(command.tenant_id, command.customer_id, command)
        except Unavailable:
            self._is_storage_unavailable = True
            raise


def _keys(command: OrderCommand | Invalid) -> Collection[Hashable]:
    """Orders of the same customer, or with the same id, are recorded one after another."""
    if isinstance(command, Invalid):
        return ()
    return ((command.tenant_id, command.customer_id), (command.tenant_id, command.order_id))
