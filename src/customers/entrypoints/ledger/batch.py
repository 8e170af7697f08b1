"""Batches of orders, over REST and gRPC: each order is recorded or refused on its own.

First the new orders are recorded, in groups: a group is one statement. An order that a group leaves
out, such as a repeat or an order of an unknown customer, is recorded or refused by itself.
`keyed_order.py` decides what may run concurrently, `batch_room.py` how many orders are let in.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen

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
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.refusal_kinds import access_refusal
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics

# How many orders of all batches of a process are recorded by themselves at the same time: few, so
# that batches leave connections to single calls. A tenant alone may have four of them.
MAX_CONCURRENT_ORDERS: Final = 6
# How many groups are recorded at the same time, of all batches of a process and of one tenant: each
# keeps a processor of the database server busy.
MAX_CONCURRENT_GROUPS: Final = 4
MAX_GROUPS_OF_TENANT: Final = 1
# The most orders in a group. The customers of a group are locked until all its orders are recorded,
# and other calls wait while its values are encoded and decoded. Orders in larger groups would cost
# little less.
GROUP_ORDERS: Final = 50

TOO_MANY_ORDERS: Final = Problem(
    field="orders",
    pointer="/orders",
    message=f"must be at most {MAX_BATCH_ORDERS:,} orders",
    code="MAX_LENGTH",
)

# The outcome of an order: its result, or the error with which it was refused.
Outcome: TypeAlias = LedgerResult | Exception
Result = TypeVar("Result")


class OrderBatches:
    """Records batches of orders. All batches of a process share some slots for groups and some for
    single orders, which tenants get in turn. A group, or an order by itself, must be recorded
    within `order_timeout` seconds.
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
        self._group_slots = Turnstile(MAX_CONCURRENT_GROUPS, per_tenant=MAX_GROUPS_OF_TENANT)
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
        """The outcome of each order, in the order of the commands; an error among the commands is
        its own outcome. Those that access control refused are counted, and logged together.

        When the call is cancelled or its caller has left, the groups and orders that have begun are
        recorded, and no others.
        """
        _report_refusals(commands, ledger_metrics)
        batch = _Batch(self._orders, ledger_metrics, has_caller_left)
        outcomes = await self._record_groups(batch, commands)
        rest = [number for number in range(len(commands)) if number not in outcomes]
        single = await self._record_singly(batch, [commands[number] for number in rest])
        outcomes |= zip(rest, single, strict=True)
        return [outcomes[number] for number in range(len(commands))]

    async def _record_groups(
        self, batch: "_Batch", commands: Sequence[OrderCommand | CustomersError]
    ) -> dict[int, Outcome]:
        """The outcomes of the orders that groups recorded or refused, by the numbers of their
        commands. The groups of a tenant are recorded one after another.
        """
        groups = list(_groups(commands))

        async def begin(group: _Group) -> asyncio.Task[Sequence[Outcome | None]]:
            work = partial(batch.outcomes, group)
            return await self._begin(self._group_slots, group.tenant_id, work)

        results = await run_in_key_order(groups, lambda group: [group.tenant_id], begin)
        return {
            number: outcome
            for group, outcomes in zip(groups, results, strict=True)
            for number, outcome in zip(group.numbers, outcomes, strict=True)
            if outcome is not None
        }

    async def _record_singly(
        self, batch: "_Batch", commands: Sequence[OrderCommand | CustomersError]
    ) -> Sequence[Outcome]:
        async def begin(command: OrderCommand | CustomersError) -> asyncio.Task[Outcome]:
            if isinstance(command, CustomersError):
                return self._background_tasks.start(batch.outcome(command))
            work = partial(batch.outcome, command)
            return await self._begin(self._slots, command.tenant_id, work)

        return await run_in_key_order(commands, _keys, begin)

    async def _begin(
        self, slots: Turnstile, tenant_id: str, work: Callable[[], Coroutine[Any, Any, Result]]
    ) -> asyncio.Task[Result]:
        """Waits for a slot, and returns the task that does the work in it."""
        await slots.enter(tenant_id)
        return self._background_tasks.start(self._in_slot(slots, tenant_id, work))

    async def _in_slot(
        self, slots: Turnstile, tenant_id: str, work: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        try:
            with deadline_after(self._order_timeout):
                return await work()
        finally:
            slots.leave(tenant_id)


@frozen(kw_only=True)
class _Group:
    """Orders of one tenant, and their numbers in the batch."""

    tenant_id: str
    numbers: Sequence[int]
    commands: Sequence[OrderCommand]


class _Batch:
    """One batch. Once the storage has been unavailable, the remaining orders are not tried."""

    def __init__(
        self, orders: Orders, ledger_metrics: LedgerMetrics, has_caller_left: Callable[[], bool]
    ) -> None:
        self._orders = orders
        self._ledger_metrics = ledger_metrics
        self._has_caller_left = has_caller_left
        self._is_storage_unavailable = False

    async def outcomes(self, group: _Group) -> Sequence[Outcome | None]:
        """The outcome of each order of a group; None for an order that `outcome` has to record."""
        if self._has_caller_left() or self._is_storage_unavailable:
            return [None] * len(group.commands)
        orders = [(command.customer_id, command) for command in group.commands]
        try:
            results = await self._orders.record_many(group.tenant_id, orders)
        except Unavailable:
            self._is_storage_unavailable = True
            return [None] * len(orders)
        except Exception as error:
            return [self._counted(error) for _ in orders]
        return [None if result is None else self._counted(result) for result in results]

    async def outcome(self, command: OrderCommand | CustomersError) -> Outcome:
        """The outcome of an order that is recorded by itself."""
        if self._has_caller_left():
            return Unavailable()
        try:
            return self._counted(await self._record(command))
        except Exception as error:
            return self._counted(error)

    def _counted(self, outcome: Outcome) -> Outcome:
        self._ledger_metrics.count_outcome("order", outcome)
        return outcome

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


def _report_refusals(
    commands: Iterable[OrderCommand | CustomersError], ledger_metrics: LedgerMetrics
) -> None:
    """Counts the orders that access control refused, and logs how many there are for each reason:
    a line for each order would be a thousand for one call.
    """
    errors = (command for command in commands if isinstance(command, CustomersError))
    for reason, count in Counter(map(access_refusal, errors)).items():
        if reason is not None:
            ledger_metrics.count_access_refusals(reason, count)
            logger().warning("access refused", cause=reason, orders=count)


def _groups(commands: Sequence[OrderCommand | CustomersError]) -> Iterator[_Group]:
    """The orders by tenant, at most GROUP_ORDERS in a group. An order that would be alone in its
    group is left out.
    """
    by_tenant: dict[str, list[tuple[int, OrderCommand]]] = {}
    for number, command in enumerate(commands):
        if not isinstance(command, CustomersError):
            by_tenant.setdefault(command.tenant_id, []).append((number, command))
    for tenant_id, numbered in by_tenant.items():
        for begin in range(0, len(numbered), GROUP_ORDERS):
            numbers, group = zip(*numbered[begin : begin + GROUP_ORDERS], strict=True)
            if len(group) > 1:
                yield _Group(tenant_id=tenant_id, numbers=numbers, commands=group)


def _keys(command: OrderCommand | CustomersError) -> Collection[Hashable]:
    """The keys of an order for `run_in_key_order`: orders of the same customer, or with the same
    id, are recorded one after another.
    """
    if isinstance(command, CustomersError):
        return ()
    return ((command.tenant_id, command.customer_id), (command.tenant_id, command.order_id))
