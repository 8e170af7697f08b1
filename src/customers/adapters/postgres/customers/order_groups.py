"""Several orders of a tenant, recorded by one statement, which is a transaction by itself.

It does for several orders what RECORD_ORDER of `single_orders` does for one, in READ COMMITTED:

1. `locked` waits for every transaction that changes one of the customers, in the order of their
   ids, then returns the current rows of those that are not deleted.
2. `recorded` inserts their orders in the order of the order ids, each unless it is known. It waits
   for a transaction that is inserting the same order. All transactions take the locks in this
   order, so groups that overlap wait for each other and never deadlock.
3. `sums` adds up the inserted orders by customer; an order that was not inserted is not counted.
4. `written` adds the sums to the statistics in `locked`, which are the newest, and stay so until
   the statement ends.

No step joins `customers` to statistics by the planner's choice: of a tenant whom its statistics do
not know yet, it expects one customer, and compares all of them with all orders.

`TRY_ORDERS` does not wait for customers: it leaves out those whom another transaction has locked.
It fails if it has to wait for an order, which another transaction is inserting, for longer than
SHORT_LOCK_TIMEOUT.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import evolve
from sqlalchemy import (
    ARRAY,
    CTE,
    Select,
    TableValuedAlias,
    bindparam,
    column,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.customers import change_capture
from customers.adapters.postgres.customers.lateral import lateral
from customers.adapters.postgres.customers.locked_statistics import (
    Row,
    locked_statistics_of,
    with_current_details,
)
from customers.adapters.postgres.customers.order_statistics import currency_values, with_orders
from customers.adapters.postgres.customers.orders import ENTRIES
from customers.adapters.postgres.customers.rows import CUSTOMERS, ORDER_COLUMNS
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.ledger_tables import customer_orders
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, with_order
from customers.core.model.money import Currency
from customers.core.model.order import Statistics


async def record_orders(
    session: Session, entries: Sequence[Entry], now: datetime, currency: Currency
) -> Sequence[Customer | None]:
    """See `Autocommit.record_orders`."""
    recorded = await session.rows(RECORD_ORDERS, **_values(entries, now, currency))
    rows = await with_current_details(session, recorded)
    customers = list[Customer | None]()
    for result in _results(entries, rows, currency):
        if isinstance(result, Exception):
            raise result
        customers.append(result)
    return customers


async def try_orders(
    session: Session, entries: Sequence[Entry], now: datetime, currency: Currency
) -> tuple[Sequence[Customer | Exception | None], Collection[UUID]]:
    """As `record_orders`, without waiting for locked customers; also returns the ids of the living
    customers whom no other transaction had locked. Only for these customers does None mean that the
    order was already known. If the row of a customer cannot be read, their results are the error,
    and those of others are not affected, because all orders are recorded by then.
    """
    rows = await session.rows(TRY_ORDERS, **_values(entries, now, currency))
    recorded = [row for row in rows if row["order_ids"] is not None]
    updated = await with_current_details(session, recorded)
    return _results(entries, updated, currency), {row["locked_id"] for row in rows}


def _values(entries: Sequence[Entry], now: datetime, currency: Currency) -> dict[str, object]:
    return {**_arrays(entries), "now": now, **currency_values(currency)}


def _arrays(entries: Sequence[Entry]) -> dict[str, object]:
    """An array for each column of the entries."""
    rows = [ENTRIES.write(entry) for entry in entries]
    return {column.name: [row[column.name] for row in rows] for column in ENTRIES.columns}


def _results(
    entries: Sequence[Entry], rows: Sequence[Row], currency: Currency
) -> Sequence[Customer | Exception | None]:
    """For each entry the customer after it, or the error of reading the row of that customer; None
    for one that was not recorded.
    """
    places: dict[tuple[Any, str], int] = {}
    for place, entry in enumerate(entries):
        places.setdefault((entry.customer_id, entry.order_id), place)
    results: list[Customer | Exception | None] = [None] * len(entries)
    for row in rows:
        recorded = sorted(places[row["id"], order_id] for order_id in row["order_ids"])
        states: Sequence[Customer | Exception]
        try:
            states = list(_states(row, [entries[place] for place in recorded], currency))
        except Exception as error:
            states = [error] * len(recorded)
        for place, state in zip(recorded, states, strict=True):
            results[place] = state
    return results


def _states(row: Row, recorded: Sequence[Entry], currency: Currency) -> Iterator[Customer]:
    """The customer after each of their orders; the row is the customer after the last one."""
    after = CUSTOMERS.read(row)
    statistics = _before(row, after.statistics, recorded)
    for left, entry in zip(reversed(range(1, len(recorded))), recorded, strict=False):
        statistics = with_order(statistics, entry, currency)
        yield evolve(after, statistics=statistics, version=after.version - left)
    yield after


def _before(row: Row, after: Statistics, recorded: Sequence[Entry]) -> Statistics:
    """The statistics before the orders, without an average."""
    return Statistics(
        total_orders=after.total_orders - len(recorded),
        total_spent=after.total_spent - sum(entry.spent for entry in recorded),
        first_order_date=row["first_date_before"],
        last_order_date=row["last_date_before"],
    )


def _record_orders() -> Select[Any]:
    locked = locked_statistics_of(_IDS)
    updated, captured = _changes(locked)
    joined = locked.join(updated, updated.c.id == locked.c.id)
    return select(updated, locked.c.has_changed).select_from(joined).add_cte(captured)


def _try_orders() -> Select[Any]:
    locked = locked_statistics_of(_IDS, skip_locked=True)
    updated, captured = _changes(locked)
    joined = locked.outerjoin(updated, updated.c.id == locked.c.id)
    columns = (updated, locked.c.has_changed, locked.c.id.label("locked_id"))
    result = select(*columns).select_from(joined)
    return result.add_cte(captured)


def _changes(locked: CTE) -> tuple[CTE, CTE]:
    """The customers whose orders were recorded, and their pending changes."""
    updated = _updated(locked, _sums(locked, _recorded(locked)))
    return updated, change_capture.on_order(locked, updated).cte("captured")


def _recorded(locked: CTE) -> CTE:
    """Inserts the orders that are not known, and returns them."""
    rows = _rows()
    values = {"tenant_id": TENANT, **{name: rows.c[name] for name in _NAMES}}
    new = select(*values.values()).join_from(rows, locked, rows.c.customer_id == locked.c.id)
    return (
        insert(customer_orders)
        .from_select(list(values), new.order_by(rows.c.order_id, rows.c.place))
        .on_conflict_do_nothing(index_elements=["tenant_id", "order_id"])
        .returning(*(customer_orders.c[name] for name in _RETURNED))
        .cte("recorded")
    )


def _rows() -> TableValuedAlias:
    """The entries as rows, with the `place` of each in their order, from 1."""
    arrays = (bindparam(one.name, type_=ARRAY(one.type)) for one in ENTRIES.columns)
    names = (column(one.name, one.type) for one in ENTRIES.columns)
    rows = func.unnest(*arrays).table_valued(*names, with_ordinality="place", name="entries")
    return rows.render_derived()


def _sums(locked: CTE, recorded: CTE) -> CTE:
    """The sums of the recorded orders by customer, and the customer's first and last order dates
    before them, from the locked row.
    """
    before = (locked.c.first_order_date, locked.c.last_order_date)
    return (
        select(
            locked.c.id,
            func.count().label("count"),
            func.sum(recorded.c.total_amount).label("spent"),
            func.min(recorded.c.order_date).label("first_date"),
            func.max(recorded.c.order_date).label("last_date"),
            func.array_agg(recorded.c.order_id).label("order_ids"),
            before[0].label("first_date_before"),
            before[1].label("last_date_before"),
        )
        .join_from(recorded, locked, recorded.c.customer_id == locked.c.id)
        .group_by(locked.c.id, *before)
        .cte("sums")
    )


def _updated(locked: CTE, sums: CTE) -> CTE:
    """The customers, after the sums have been added to their statistics."""
    written = _written(locked, sums)
    own = (customers.c.tenant_id == TENANT, customers.c.id == written.c.customer_id)
    details = [one for one in CUSTOMERS.columns if one.table is customers]
    customer = lateral(select(*details).where(*own), "customer")
    columns = (
        written.c[one.name] if one.table is customer_statistics else customer.c[one.name]
        for one in CUSTOMERS.columns
    )
    before = (sums.c.order_ids, sums.c.first_date_before, sums.c.last_date_before)
    joined = written.join(sums, sums.c.id == written.c.customer_id).join(customer, true())
    return select(*columns, *before).select_from(joined).cte("updated")


def _written(locked: CTE, sums: CTE) -> CTE:
    """Writes the new statistics of each customer. The row that is there is found by its key, as in
    every INSERT: the planner of an UPDATE may prefer to read all rows of the tenant.
    """
    changed = with_orders(
        count=sums.c.count,
        spent=sums.c.spent,
        first_date=sums.c.first_date,
        last_date=sums.c.last_date,
        current=locked.c,
    )
    kept = {one.name: locked.c[one.name] for one in customer_statistics.c if one.name in locked.c}
    values = {"tenant_id": TENANT, "customer_id": locked.c.id, **kept, **changed}
    rows = select(*values.values()).join_from(sums, locked, locked.c.id == sums.c.id)
    new = insert(customer_statistics).from_select(list(values), rows)
    return (
        new.on_conflict_do_update(
            index_elements=["tenant_id", "customer_id"],
            set_={name: new.excluded[name] for name in changed},
        )
        .returning(customer_statistics.c.customer_id, *ORDER_COLUMNS)
        .cte("written")
    )


_IDS = bindparam("customer_id", type_=UUIDS)
_NAMES = tuple(one.name for one in ENTRIES.columns)
_RETURNED = ("order_id", "customer_id", "total_amount", "order_date")
RECORD_ORDERS = Statement.of(_record_orders())
TRY_ORDERS = Statement.of(_try_orders())
