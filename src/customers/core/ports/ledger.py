"""The ledger: one entry per order, and its refunds."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, OrderStatus, RecordedOrder
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.query import JournalKey, OrderPage, Page


class OrderReader(Protocol):
    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        """At most `limit` entries of recorded orders after a key, newest order date first, ties by
        order id, the greatest first; the key's `id` is an order id. Raises CustomerNotFound.
        """
        ...

    async def page(self, customer_id: UUID, status: OrderStatus | None, page: Page) -> OrderPage:
        """A page of the recorded orders with this status (None: all), in the order of `newest`, and
        the total number of them at the same moment. Empty past the end. Raises CustomerNotFound.
        """
        ...

    async def get(self, customer_id: UUID, order_id: str) -> RecordedOrder:
        """A recorded order of a customer, with its refunds.

        Raises CustomerNotFound, and OrderNotFound for an order that is unknown, not recorded yet,
        or another customer's.
        """
        ...

    async def recorded(self, customer_id: UUID, order_id: str) -> tuple[Customer, Entry] | None:
        """A customer and one of their recorded orders, at the same moment; None if either does not
        exist.
        """
        ...


class OrderRepository(OrderReader, Protocol):
    """Reads and changes the ledger. Its own methods need the customer locked by the transaction."""

    async def claim(self, order_id: str, customer_id: UUID) -> Entry:
        """The locked entry of an order, whichever customer it belongs to. If there is none, stores
        and returns a stub of this customer.
        """
        ...

    async def save(self, entry: Entry) -> None:
        """Stores the new value of a claimed entry."""
        ...

    async def refund_amount(self, order_id: str, refund_id: str) -> Decimal | None:
        """The amount of a stored refund, or None."""
        ...

    async def add_refund(self, refund: StoredRefund) -> None:
        """Stores a refund of a claimed order."""
        ...

    async def statistics(self, customer_id: UUID) -> Statistics:
        """The fold of the customer's ledger, changes of this transaction included."""
        ...
