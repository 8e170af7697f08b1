"""The ledger in PostgreSQL: a row per order, a row per refund, and the fold to statistics."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Select, and_, bindparam, func, not_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.owned_rows import (
    CUSTOMER_EXISTS,
    after_key,
    existing,
    newest_of,
    of_customer,
)
from customers.adapters.postgres.customers.rows import CUSTOMERS, WITH_STATISTICS
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders, customer_refunds
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import TEXT
from customers.core.errors import OrderNotFound
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, OrderStatus, RecordedOrder, statistics
from customers.core.model.money import Currency
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.query import JournalKey, OrderPage, Page
from customers.core.ports.ledger import OrderRepository

ENTRIES = RowMapping(Entry, customer_orders)
REFUNDS = RowMapping(StoredRefund, customer_refunds)


class PostgresOrders(OrderRepository):
    """The ledger of one tenant. Averages are rounded to the currency's minor unit."""

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
                _AFTER, customer_id=customer_id, limit=limit, key_at=after.at, key_id=after.id
            )
        return ENTRIES.read_all(existing(rows, "order_id"))

    async def page(self, customer_id: UUID, status: OrderStatus | None, page: Page) -> OrderPage:
        rows = await self._session.rows(
            _PAGES[status], customer_id=customer_id, limit=page.size, offset=page.offset
        )
        entries = ENTRIES.read_all(existing(rows, "order_id"))
        return OrderPage(entries=entries, total=rows[0]["total"])

    async def get(self, customer_id: UUID, order_id: str) -> RecordedOrder:
        rows = await self._session.rows(_GET, customer_id=customer_id, order_id=order_id)
        if not (entries := existing(rows, "order_id")):
            raise OrderNotFound
        refunds = await self._session.rows(_REFUNDS, order_id=order_id)
        return RecordedOrder(entry=ENTRIES.read(entries[0]), refunds=REFUNDS.read_all(refunds))

    async def recorded(self, customer_id: UUID, order_id: str) -> tuple[Customer, Entry] | None:
        row = await self._session.row(_RECORDED, customer_id=customer_id, order_id=order_id)
        return None if row is None else (CUSTOMERS.read(row), ENTRIES.read(row))

    async def claim(self, order_id: str, customer_id: UUID) -> Entry:
        """Runs a second statement if the order is known, because the first one cannot see a row
        that another transaction inserted while it waited.
        """
        stub = Entry(order_id=order_id, customer_id=customer_id)
        rows = await self._session.rows(_ADD_STUB, **ENTRIES.write(stub))
        [row] = rows or await self._session.rows(_GET_FOR_UPDATE, order_id=order_id)
        return ENTRIES.read(row)

    async def save(self, entry: Entry) -> None:
        await self._session.run(_SAVE, **ENTRIES.write(entry))

    async def refund_amount(self, order_id: str, refund_id: str) -> Decimal | None:
        amount: Decimal | None = await self._session.value(
            _REFUND_AMOUNT, order_id=order_id, refund_id=refund_id
        )
        return amount

    async def add_refund(self, refund: StoredRefund) -> None:
        await self._session.run(_ADD_REFUND, **REFUNDS.write(refund))

    async def statistics(self, customer_id: UUID) -> Statistics:
        [row] = await self._session.rows(_FOLD, customer_id=customer_id)
        return statistics(**row, currency=self._currency)


def _fold() -> Select[Any]:
    """What the core's `fold_ledger` returns for the customer's entries, without the average."""
    amount = _entry.total_amount
    spent = func.sum(amount - func.least(_entry.refunds_total, amount))
    return select(
        func.count().label("total_orders"),
        func.coalesce(spent, 0).label("total_spent"),
        func.min(_entry.order_date).label("first_order_date"),
        func.max(_entry.order_date).label("last_order_date"),
    ).where(of_customer(customer_orders), amount.is_not(None), _entry.cancelled_at.is_(None))


def _page(*conditions: ColumnElement[bool]) -> Select[Any]:
    """A page of the recorded orders, from an offset, with the total in every row."""
    offset = bindparam("offset", type_=BigInteger())
    page = newest_of(customer_orders, *_SORT, _IS_RECORDED, *conditions, offset=offset)
    total = select(func.count()).where(of_customer(customer_orders), _IS_RECORDED, *conditions)
    return page.add_columns(total.scalar_subquery().label("total"))


_entry = customer_orders.c
_refund = customer_refunds.c
_HAS_ID = _entry.order_id == bindparam("order_id", type_=TEXT)
_BY_ID = and_(_entry.tenant_id == TENANT, _HAS_ID)
_SORT = (_entry.order_date, _entry.order_id)
_IS_RECORDED = _entry.order_date.is_not(None)
_NEWEST = Statement.of(newest_of(customer_orders, *_SORT, _IS_RECORDED))
_AFTER = Statement.of(newest_of(customer_orders, *_SORT, _IS_RECORDED, after_key(*_SORT)))
_IS_CANCELLED = _entry.cancelled_at.is_not(None)
_IS_REFUNDED = and_(_entry.total_amount > 0, _entry.refunds_total >= _entry.total_amount)
# As `Entry.status` decides.
_PAGES: Final[Mapping[OrderStatus | None, Statement]] = {
    None: Statement.of(_page()),
    OrderStatus.COMPLETED: Statement.of(_page(not_(_IS_CANCELLED), not_(_IS_REFUNDED))),
    OrderStatus.REFUNDED: Statement.of(_page(not_(_IS_CANCELLED), _IS_REFUNDED)),
    OrderStatus.CANCELLED: Statement.of(_page(_IS_CANCELLED)),
}
_GET = Statement.of(
    select(customer_orders)
    .select_from(
        customers.outerjoin(
            customer_orders, and_(of_customer(customer_orders), _HAS_ID, _IS_RECORDED)
        )
    )
    .where(CUSTOMER_EXISTS)
)
_RECORDED = Statement.of(
    select(*CUSTOMERS.columns, *ENTRIES.columns)
    .select_from(customers.join(customer_orders, of_customer(customer_orders)))
    .where(CUSTOMER_EXISTS, WITH_STATISTICS, _HAS_ID, _IS_RECORDED)
)
_REFUNDS = Statement.of(
    select(customer_refunds)
    .where(_refund.tenant_id == TENANT, _refund.order_id == bindparam("order_id", type_=TEXT))
    .order_by(_refund.refunded_at, _refund.refund_id)
)
_ADD_STUB = Statement.of(
    insert(customer_orders)
    .values(parameters(customer_orders))
    .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
    .returning(customer_orders)
)
_GET_FOR_UPDATE = Statement.of(
    select(customer_orders).where(_BY_ID).with_for_update(key_share=True)
)
_SAVE = Statement.of(
    update(customer_orders)
    .where(_BY_ID)
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
