"""The ledger: one row per order, one per refund, and the statistics that they fold to."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from asyncpg import Record
from attrs import asdict
from sqlalchemy import Select, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.customers.owned_rows import beyond, found, newest_of, of_customer
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customer_orders, customer_refunds
from customers.adapters.postgres.schema.types import TEXT
from customers.core.model.money import Currency
from customers.core.model.order import Entry, Statistics, StoredRefund, statistics
from customers.core.model.query import JournalKey
from customers.core.ports.ledger import OrderRepository


class PostgresOrders(OrderRepository):
    """Averages are rounded to the currency's minor unit."""

    def __init__(self, session: Session, currency: Currency) -> None:
        self._session = session
        self._currency = currency

    async def newest(
        self, customer_id: UUID, after: JournalKey | None, limit: int
    ) -> Sequence[Entry]:
        if after is None:
            rows = await self._session.rows(_NEWEST, customer_id=customer_id, limit=limit)
        else:
            rows = await self._session.rows(
                _NEXT, customer_id=customer_id, limit=limit, key_at=after.at, key_id=after.id
            )
        return [from_row(row) for row in found(rows, "order_id")]

    async def claim(self, order_id: str, customer_id: UUID) -> Entry:
        """In two statements where the order is known: a row that somebody else made meanwhile is
        invisible to the statement that had to wait for it.
        """
        stub = Entry(order_id=order_id, customer_id=customer_id)
        rows = await self._session.rows(_ADD_STUB, **to_row(stub))
        [row] = rows or await self._session.rows(_LOCK, order_id=order_id)
        return from_row(row)

    async def save(self, entry: Entry) -> None:
        await self._session.run(_SAVE, **to_row(entry))

    async def refund_amount(self, order_id: str, refund_id: str) -> Decimal | None:
        amount: Decimal | None = await self._session.value(
            _REFUND_AMOUNT, order_id=order_id, refund_id=refund_id
        )
        return amount

    async def add_refund(self, refund: StoredRefund) -> None:
        await self._session.run(_ADD_REFUND, **asdict(refund))

    async def statistics(self, customer_id: UUID) -> Statistics:
        [row] = await self._session.rows(_FOLD, customer_id=customer_id)
        return statistics(**row, currency=self._currency)


def from_row(row: Record) -> Entry:
    return Entry(
        order_id=row["order_id"],
        customer_id=row["customer_id"],
        order_number=row["order_number"],
        total_amount=row["total_amount"],
        order_date=row["order_date"],
        order_date_stated=row["order_date_stated"],
        refunds_total=row["refunds_total"],
        cancelled_at=row["cancelled_at"],
        recorded_at=row["recorded_at"],
    )


def to_row(entry: Entry) -> dict[str, Any]:
    """The value of every column but the tenant."""
    return asdict(entry, recurse=False)


def _fold() -> Select[Any]:
    """What the core's `fold` gives for the customer's entries, but for the average."""
    told = _of.total_amount
    spent = func.sum(told - func.least(_of.refunds_total, told))
    return select(
        func.count().label("total_orders"),
        func.coalesce(spent, 0).label("total_spent"),
        func.min(_of.order_date).label("first_order_date"),
        func.max(_of.order_date).label("last_order_date"),
    ).where(of_customer(customer_orders), told.is_not(None), _of.cancelled_at.is_(None))


_of = customer_orders.c
_refund = customer_refunds.c
_ORDER = and_(_of.tenant_id == TENANT, _of.order_id == bindparam("order_id", type_=TEXT))
_TOLD = _of.order_date.is_not(None)
_BEYOND = beyond(_of.order_date, _of.order_id)
_NEWEST = Statement.of(newest_of(customer_orders, _of.order_date, _of.order_id, _TOLD))
_NEXT = Statement.of(newest_of(customer_orders, _of.order_date, _of.order_id, _TOLD, _BEYOND))
_ADD_STUB = Statement.of(
    insert(customer_orders)
    .values(parameters(customer_orders))
    .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
    .returning(customer_orders)
)
_LOCK = Statement.of(select(customer_orders).where(_ORDER).with_for_update(key_share=True))
_SAVE = Statement.of(
    update(customer_orders)
    .where(_ORDER)
    .values(parameters(customer_orders, but=("tenant_id", "order_id", "customer_id")))
)
_REFUND_AMOUNT = Statement.of(
    select(_refund.amount).where(
        _refund.tenant_id == TENANT,
        _refund.order_id == bindparam("order_id", type_=TEXT),
        _refund.refund_id == bindparam("refund_id", type_=TEXT),
    )
)
_ADD_REFUND = Statement.of(insert(customer_refunds).values(parameters(customer_refunds)))
_FOLD = Statement.of(_fold())
