"""Use cases of the ledger: recording orders, refunds and cancellations, and listing orders.

REST and gRPC record by the same methods; only REST lists orders.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, OrderStatus, RecordedOrder
from customers.core.model.order import Order, Refund, StoredRefund
from customers.core.model.query import JournalKey, OrderPage, Page
from customers.core.ports.clock import Clock
from customers.core.ports.retry import retries_conflict
from customers.core.ports.storage import Storage, Transaction


@frozen(kw_only=True)
class LedgerResult:
    """The customer after a fact; `duplicate` if the fact was recorded before, `is_cancelled` if the
    order of the fact is cancelled.
    """

    customer: Customer
    duplicate: bool
    is_cancelled: bool = False


class Orders:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    @retries_conflict
    async def record(self, tenant_id: str, customer_id: UUID, order: Order) -> LedgerResult:
        """Records an order. Raises CustomerNotFound, OrderConflict."""
        now = self._clock.now()
        entry = Entry.of(order, customer_id, now=now)
        customer = await self._storage.autocommit(tenant_id).record_order(entry, now)
        if customer is not None:
            return LedgerResult(customer=customer, duplicate=False)
        if (repeated := await self._repeated(tenant_id, customer_id, order)) is not None:
            return repeated
        async with self._storage.transaction(tenant_id) as tx:
            customer, before = await self._open(tx, customer_id, order.order_id)
            now = self._clock.now()
            return await self._save(tx, customer, before, before.record(order, now=now), now)

    @retries_conflict
    async def record_many(
        self, tenant_id: str, orders: Sequence[tuple[UUID, Order]]
    ) -> Sequence[LedgerResult | None]:
        """Records those of the orders that are new, in one transaction.

        Returns a result for each order, as if they were recorded one after another; None for an
        order that was not recorded, which the caller should pass to `record`.
        """
        now = self._clock.now()
        entries = [Entry.of(order, customer_id, now=now) for customer_id, order in orders]
        customers = await self._storage.autocommit(tenant_id).record_orders(entries, now)
        return [
            None if customer is None else LedgerResult(customer=customer, duplicate=False)
            for customer in customers
        ]

    @retries_conflict
    async def refund(
        self, tenant_id: str, customer_id: UUID, order_id: str, refund: Refund
    ) -> LedgerResult:
        """Records a refund. Raises CustomerNotFound, OrderConflict, RefundConflict,
        RefundExceedsOrder.
        """
        async with self._storage.transaction(tenant_id) as tx:
            customer, before = await self._open(tx, customer_id, order_id)
            now = self._clock.now()
            stored_amount = await tx.orders.refund_amount(order_id, refund.refund_id)
            after = before.refund(refund, stored_amount)
            if stored_amount is None:
                await tx.orders.add_refund(StoredRefund.of(refund, order_id, now=now))
            return await self._save(tx, customer, before, after, now)

    @retries_conflict
    async def cancel(self, tenant_id: str, customer_id: UUID, order_id: str) -> LedgerResult:
        """Cancels an order. Raises CustomerNotFound, OrderConflict."""
        async with self._storage.transaction(tenant_id) as tx:
            customer, before = await self._open(tx, customer_id, order_id)
            now = self._clock.now()
            return await self._save(tx, customer, before, before.cancel(now), now)

    async def newest(
        self, tenant_id: str, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        """At most `limit` + 1 recorded orders after a key, newest first.

        Raises CustomerNotFound.
        """
        async with self._storage.view(tenant_id) as view:
            return await view.orders.newest(customer_id, after, limit + 1)

    async def page(
        self, tenant_id: str, customer_id: UUID, status: OrderStatus | None, page: Page
    ) -> OrderPage:
        """A page of the recorded orders with this status (None: all), newest first. Raises
        CustomerNotFound.
        """
        async with self._storage.view(tenant_id) as view:
            return await view.orders.page(customer_id, status, page)

    async def get(self, tenant_id: str, customer_id: UUID, order_id: str) -> RecordedOrder:
        """A recorded order with its refunds. Raises CustomerNotFound, OrderNotFound."""
        async with self._storage.consistent_view(tenant_id) as view:
            return await view.orders.get(customer_id, order_id)

    async def _repeated(
        self, tenant_id: str, customer_id: UUID, order: Order
    ) -> LedgerResult | None:
        """The result of an order that is already recorded with the same values; None for other
        orders.

        A repeated order needs no lock, because the values with which it is compared never change.
        Raises OrderConflict.
        """
        async with self._storage.view(tenant_id) as view:
            recorded = await view.orders.recorded(customer_id, order.order_id)
        if recorded is None:
            return None
        customer, entry = recorded
        if entry.record(order, now=self._clock.now()) is not entry:
            return None
        is_cancelled = entry.cancelled_at is not None
        return LedgerResult(customer=customer, duplicate=True, is_cancelled=is_cancelled)

    async def _open(
        self, tx: Transaction, customer_id: UUID, order_id: str
    ) -> tuple[Customer, Entry]:
        """The locked customer, and the order's entry. Raises CustomerNotFound, OrderConflict."""
        customer = await tx.customers.get_for_update(customer_id)
        return customer, (await tx.orders.claim(order_id, customer_id)).belonging_to(customer_id)

    async def _save(
        self, tx: Transaction, customer: Customer, before: Entry, after: Entry, now: datetime
    ) -> LedgerResult:
        """Stores the entry if it has changed, and the customer's new statistics unless the fact was
        a duplicate.
        """
        if after is not before:
            await tx.orders.save(after)
        is_cancelled = after.cancelled_at is not None
        if after.states_the_same_as(before):
            return LedgerResult(customer=customer, duplicate=True, is_cancelled=is_cancelled)
        statistics = await tx.orders.statistics(customer.id)
        customer = customer.with_statistics(statistics, now=now)
        await tx.customers.save(customer)
        return LedgerResult(customer=customer, duplicate=False, is_cancelled=is_cancelled)
