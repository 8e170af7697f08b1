"""Use cases of the ledger: the facts told about orders, and reading them back.

HTTP and gRPC tell facts through these same methods.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import frozen

from customers.core.model.customer import Customer
from customers.core.model.order import Entry, Order, Refund, StoredRefund
from customers.core.model.query import JournalKey
from customers.core.ports import Clock, Storage, Transaction

Fact = Callable[[Transaction, Entry, datetime], Awaitable[Entry]]


@frozen(kw_only=True)
class Recorded:
    """The customer after a fact; `duplicate` when it was known and nothing changed."""

    customer: Customer
    duplicate: bool


class Orders:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def record(self, tenant_id: str, customer_id: UUID, order: Order) -> Recorded:
        """Raises CustomerNotFound, OrderConflict."""
        now = self._clock.now()
        entry = Entry.of(order, customer_id, now=now)
        customer = await self._storage.one_step(tenant_id).count_order(entry, now)
        if customer is not None:
            return Recorded(customer=customer, duplicate=False)

        async def told(_: Transaction, known: Entry, now: datetime) -> Entry:
            return known.record(order, now=now)

        return await self._tell(tenant_id, customer_id, order.order_id, told)

    async def refund(
        self, tenant_id: str, customer_id: UUID, order_id: str, refund: Refund
    ) -> Recorded:
        """Raises CustomerNotFound, OrderConflict, RefundConflict, RefundExceedsOrder."""

        async def told(tx: Transaction, known: Entry, now: datetime) -> Entry:
            before = await tx.orders.refund_amount(order_id, refund.refund_id)
            refunded = known.refund(refund, before)
            if before is None:
                await tx.orders.add_refund(StoredRefund.of(refund, order_id, now=now))
            return refunded

        return await self._tell(tenant_id, customer_id, order_id, told)

    async def cancel(self, tenant_id: str, customer_id: UUID, order_id: str) -> Recorded:
        """Raises CustomerNotFound, OrderConflict."""

        async def told(_: Transaction, known: Entry, now: datetime) -> Entry:
            return known.cancel(now)

        return await self._tell(tenant_id, customer_id, order_id, told)

    async def newest(
        self, tenant_id: str, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        """Newest first, at most one more than `limit`. Raises CustomerNotFound."""
        async with self._storage.view(tenant_id) as view:
            return await view.orders.newest(customer_id, after, limit + 1)

    async def _tell(self, tenant_id: str, customer_id: UUID, order_id: str, told: Fact) -> Recorded:
        async with self._storage.transaction(tenant_id) as tx:
            customer = await tx.customers.lock(customer_id)
            known = (await tx.orders.claim(order_id, customer_id)).belonging_to(customer_id)
            now = self._clock.now()
            changed = await told(tx, known, now)
            if changed is not known:
                await tx.orders.save(changed)
            if changed.states_the_same_as(known):
                return Recorded(customer=customer, duplicate=True)
            statistics = await tx.orders.statistics(customer_id)
            customer = customer.with_statistics(statistics, now=now)
            await tx.customers.save(customer)
            return Recorded(customer=customer, duplicate=False)
