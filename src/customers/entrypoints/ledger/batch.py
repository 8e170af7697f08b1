"""Batches of orders, over REST and gRPC: each order is recorded or refused on its own.

Which orders of a batch may run concurrently is decided in `keyed_order.py`, how many orders may be
under way in `batch_room.py`.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeAlias

from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.turnstile import Turnstile
from customers.core.errors import CustomersError, Problem
from customers.core.errors.availability import Unavailable
from customers.core.services.orders import LedgerResult, Orders
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.ledger.batch_room import MAX_BATCH_ORDERS, BatchRoom
from customers.entrypoints.ledger.commands import OrderCommand
from customers.entrypoints.ledger.keyed_order import run_in_key_order
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

# Orders of all batches of a process that are recorded at the same time, so that batches leave
# connections to single calls; of a tenant alone, four.
MAX_CONCURRENT_ORDERS: Final = 6

TOO_MANY_ORDERS: Final = Problem(
    field="orders",
    pointer="/orders",
    message=f"must be at most {MAX_BATCH_ORDERS:,} orders",
    code="MAX_LENGTH",
)

# What came of an order: its result, or the error with which it was refused.
Outcome: TypeAlias = LedgerResult | Exception


class OrderBatches:
    """Records batches; all of them together have MAX_CONCURRENT_ORDERS slots, which tenants get in
    turn. Each order has `order_timeout` seconds.
    """

    def __init__(
        self,
        orders: Orders,
        background_tasks: BackgroundTasks,
        refusals: RefusalMetrics,
        order_timeout: float,
    ) -> None:
        self._orders = orders
        self._background_tasks = background_tasks
        self._room = BatchRoom(refusals)
        self._slots = Turnstile(MAX_CONCURRENT_ORDERS)
        self._order_timeout = order_timeout

    def admit(self, tenant_ids: Iterable[str]) -> AbstractContextManager[None]:
        """See `BatchRoom.admit`; a batch is admitted before its orders are read."""
        return self._room.admit(tenant_ids)

    async def record(
        self,
        commands: Sequence[OrderCommand | CustomersError],
        ledger_metrics: LedgerMetrics,
        has_caller_left: Callable[[], bool] = lambda: False,
    ) -> Sequence[Outcome]:
        """The outcome of each order, in the order of the commands; an error is its own.

        When the call is cancelled or its caller has left, the orders that have begun are recorded,
        and no other ones.
        """
        batch = _Batch(self._orders, ledger_metrics, has_caller_left)

        async def begin(command: OrderCommand | CustomersError) -> asyncio.Task[Outcome]:
            if isinstance(command, CustomersError):
                return self._background_tasks.start(batch.outcome(command))
            await self._slots.enter(command.tenant_id)
            return self._background_tasks.start(self._in_slot(batch, command))

        return await run_in_key_order(commands, _keys, begin)

    async def _in_slot(self, batch: "_Batch", command: OrderCommand) -> Outcome:
        try:
            with deadline_after(self._order_timeout):
                return await batch.outcome(command)
        finally:
            self._slots.leave(command.tenant_id)


class _Batch:
    """One batch. After the storage was unavailable once, its other orders fail without a try."""

    def __init__(
        self, orders: Orders, ledger_metrics: LedgerMetrics, has_caller_left: Callable[[], bool]
    ) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._has_caller_left = has_caller_left
        self._is_storage_unavailable = False

    async def outcome(self, command: OrderCommand | CustomersError) -> Outcome:
        if self._has_caller_left():
            return Unavailable()
        try:
            with self._ledger_metrics.observe("order") as observation:
                observation.result = await self._record(command)
            return observation.result
        except Exception as error:
            return error

    async def _record(self, command: OrderCommand | CustomersError) -> LedgerResult:
        if isinstance(command, CustomersError):
            raise command
        if self._is_storage_unavailable:
            raise Unavailable
        try:
            return await self._orders.record(command.tenant_id, command.customer_id, command)
        except Unavailable:
            self._is_storage_unavailable = True
            raise


def _keys(command: OrderCommand | CustomersError) -> Collection[Hashable]:
    """Orders of the same customer, or with the same id, are recorded one after another."""
    if isinstance(command, CustomersError):
        return ()
    return ((command.tenant_id, command.customer_id), (command.tenant_id, command.order_id))
