"""Many customers of a tenant, locked and written by few statements of one transaction.

Rows travel as one array per column: measured, this is as fast as COPY into a temporary table, and
needs neither the right to make one nor a session of its own. The locks are taken in the order that
`session` names: customers by id, e-mail addresses by their lock, counters.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Column,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import change_capture
from customers.adapters.postgres.customers.counters import add_to_counters
from customers.adapters.postgres.customers.customer_writes import TRY_ADD
from customers.adapters.postgres.customers.lateral import in_order, lateral
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.customers.text_locks import lock_texts, try_lock
from customers.adapters.postgres.engine.planning import for_its_values
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import TEXTS, UUIDS
from customers.core.errors.availability import WriteConflict
from customers.core.model.customer import Customer


async def get_many_for_update(
    session: Session, customer_ids: Collection[UUID], email_keys: Collection[str]
) -> Sequence[Customer]:
    """See `CustomerRepository.get_many_for_update`.

    A lock may have waited, so only a locked customer has an e-mail address for certain. The other
    addresses are locked; whoever got one before that is locked without waiting, since customers
    must not wait for an address and then for a customer.
    """
    holders = await _holders(session, email_keys)
    locked = await _lock(session, {*customer_ids, *holders})
    free = set(email_keys) - {one.email_key for one in locked if one.is_living}
    if not free:
        return locked
    await session.run(_LOCK_EMAILS, email_keys=sorted(free))
    if not (late := await _holders(session, free)):
        return locked
    rows = await session.rows(_LOCK_UNLOCKED, ids=late)
    if len(rows) < len(late):
        session.refuse(WriteConflict())
    return [*locked, *map(CUSTOMERS.read, rows)]


async def write_many(
    session: Session, added: Sequence[Customer], changed: Sequence[Customer]
) -> None:
    """See `CustomerRepository.write_many`. Changed customers come first: their statement fails if
    it has to wait for an e-mail address, a new customer must not be left out for one.
    """
    if changed:
        await session.run(_SAVE_MANY, **await _arrays(session, changed))
    if added and await session.value(_ADD_MANY, **await _arrays(session, added)) < len(added):
        session.refuse(WriteConflict())


async def try_add(session: Session, values: Sequence[Customer]) -> Mapping[UUID, bool | None]:
    """Whether each customer was added, by id, in one statement. False if a living customer has the
    e-mail address; None if another transaction has locked the address, which it does not wait for.
    """
    if len(values) == 1:  # costs less
        [row] = await session.rows(TRY_ADD, **CUSTOMERS.write(values[0]))
        return {values[0].id: _is_added(row)}
    rows = await session.rows(_TRY_ADD_MANY, **await _arrays(session, values))
    return {row["id"]: _is_added(row) for row in rows}


def _is_added(row: Record) -> bool | None:
    return row["is_added"] if row["has_lock"] else None


async def _holders(session: Session, email_keys: Collection[str]) -> Sequence[UUID]:
    if not email_keys:
        return []
    rows = await session.rows(_HOLDERS, email_keys=list(email_keys))
    return [row["id"] for row in rows]


async def _lock(session: Session, ids: Collection[UUID]) -> Sequence[Customer]:
    if not ids:
        return []
    customers = list[Customer]()
    for row in await session.rows(_LOCK, ids=list(ids)):
        customers.append(CUSTOMERS.read(row))
        await session.give_way()
    return customers


async def _arrays(session: Session, values: Sequence[Customer]) -> dict[str, object]:
    """An array for each column but the tenant's, with the values of all customers."""
    rows = list[dict[str, Any]]()
    for customer in values:
        rows.append(CUSTOMERS.write(customer))
        await session.give_way()
    return {
        name: [_array(row[name]) if name in _LISTS else row[name] for row in rows]
        for name in _COLUMNS
    }


def _array(texts: Sequence[str]) -> str:
    """A list of texts as PostgreSQL writes an array, because arrays of arrays lose their form."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _rows() -> CTE:
    """The customers as rows, made once for all parts of a statement."""
    kinds = [(name, Text() if name in _LISTS else one.type) for name, one in _COLUMNS.items()]
    arrays = (bindparam(name, type_=ARRAY(kind)) for name, kind in kinds)
    names = (column(name, kind) for name, kind in kinds)
    rows = func.unnest(*arrays).table_valued(*names, name="arrays").render_derived()
    return select(rows).cte("rows")


def _values(rows: CTE, table: Table) -> dict[str, ColumnElement[Any]]:
    """The value of each column of a table but the tenant's, from the rows."""
    names = (one.name for one in table.columns if one.name in _COLUMNS)
    return {
        name: cast(rows.c[name], ARRAY(Text())) if name in _LISTS else rows.c[name]
        for name in names
    }


def _select_holders() -> Select[Any]:
    """Selects the living customers with the e-mail addresses; planned for each array.

    Of a tenant that has just got its first customers the planner expects one, and so it may read
    all of them. It then looks up each address in a hash table of the addresses, if it knows them.
    """
    has_email = customers.c.email_key == any_(bindparam("email_keys", type_=TEXTS))
    return for_its_values(
        select(customers.c.id).where(customers.c.tenant_id == TENANT, LIVING, has_email)
    )


def _locked(*, skip_locked: bool = False) -> Select[Any]:
    """Selects the customers `ids`, deleted ones included, and locks both rows of each in the order
    of their ids. Both are the newest versions. With `skip_locked` it waits for no customer.
    """
    ids = in_order(_IDS)
    own = _row(customer_statistics, customer_statistics.c.customer_id == ids.c.id)
    statistics = lateral(own.with_for_update(key_share=True, skip_locked=skip_locked), "statistics")
    in_turn = select(statistics).select_from(ids.join(statistics, true()))
    locked = in_turn.cte("locked").prefix_with("MATERIALIZED")
    other = _row(customers, customers.c.id == locked.c.customer_id)
    details = lateral(other.with_for_update(key_share=True), "details")
    columns = (
        (locked if one.table is customer_statistics else details).c[one.name]
        for one in CUSTOMERS.columns
    )
    return select(*columns).select_from(locked.join(details, true()))


def _row(table: Table, condition: ColumnElement[bool]) -> Select[Any]:
    return select(*table.c).where(table.c.tenant_id == TENANT, condition)


def _add_many() -> Select[Any]:
    """Adds the customers; selects the number of those whose id and e-mail address were free."""
    rows = _rows()
    added, also = _added(rows, rows)
    return select(func.count()).select_from(added).add_cte(*also)


def _try_add_many() -> Select[Any]:
    """Adds the customers whose e-mail addresses nobody has locked or got; selects a row for each
    customer.
    """
    rows = _rows()
    locks = select(rows.c.id, try_lock(rows.c.email_key).label("has_lock")).cte("locks")
    locks = locks.prefix_with("MATERIALIZED")
    locked = rows.join(locks, and_(locks.c.id == rows.c.id, locks.c.has_lock))
    added, also = _added(rows, locked)
    is_added = added.c.id.is_not(None).label("is_added")
    outcomes = select(locks.c.id, locks.c.has_lock, is_added)
    return outcomes.outerjoin_from(locks, added, added.c.id == locks.c.id).add_cte(*also)


def _added(rows: CTE, new: FromClause) -> tuple[CTE, Sequence[CTE]]:
    """Adds the customers of `new`, which has some of the rows, and returns those whose id and
    e-mail address were free; and what is written besides.
    """
    values = {"tenant_id": TENANT, **_values(rows, customers)}
    added = (
        insert(customers)
        .from_select(list(values), select(*values.values()).select_from(new))
        .on_conflict_do_nothing()
        .returning(customers.c.id, customers.c.status, customers.c.customer_type)
        .cte("added")
    )
    statistics = {"tenant_id": TENANT, **_values(rows, customer_statistics)}
    of_added = select(*statistics.values()).join_from(rows, added, added.c.id == rows.c.id)
    beside = insert(customer_statistics).from_select(list(statistics), of_added).cte("beside")
    kind = (added.c.status, added.c.customer_type)
    counts = select(*kind, func.count().label("customers")).group_by(*kind)
    counted = add_to_counters(counts.subquery("differences")).cte("counted")
    return added, [beside, counted, change_capture.on_add_many(rows, added).cte("captured")]


def _save_many() -> Select[Any]:
    """Saves the customers and selects a row for each. Compares the old rows with the new ones to
    change the counters.
    """
    rows = _rows()
    saved = _updated(rows, customer_statistics, customer_statistics.c.customer_id)
    changed = _updated(rows, customers, customers.c.id)
    counted = add_to_counters(_differences(rows).subquery("differences")).cte("counted")
    captured = change_capture.on_save_many(rows).cte("captured")
    return select(saved.c.id).add_cte(changed, counted, captured)


def _updated(rows: CTE, table: Table, id: Column[Any]) -> CTE:
    """Writes the rows that are there, found by their key as in every INSERT: the planner of an
    UPDATE may prefer to read all rows of the tenant.
    """
    values = {"tenant_id": TENANT, **_values(rows, table)}
    new = insert(table).from_select(list(values), select(*values.values()))
    changed = {name: new.excluded[name] for name in values if name not in ("tenant_id", id.name)}
    return (
        new.on_conflict_do_update(index_elements=["tenant_id", id.name], set_=changed)
        .returning(id.label("id"))
        .cte(f"saved_{table.name}")
    )


def _differences(rows: CTE) -> Select[Any]:
    """By how much the numbers of customers by status and type change, without zeros.

    Whether a customer is living is not part of the look-up: the planner could take an index of the
    living customers of the tenant, in place of the key.
    """
    stored = lateral(_row(customers, customers.c.id == rows.c.id), "stored")
    old = select(stored.c.status, stored.c.customer_type, _number(-1))
    old = old.select_from(rows.join(stored, true())).where(stored.c.deleted_at.is_(None))
    new = select(rows.c.status, rows.c.customer_type, _number(1))
    both = union_all(old, new).subquery("both")
    total = func.sum(both.c.customers)
    kind = (both.c.status, both.c.customer_type)
    return select(*kind, total.label("customers")).group_by(*kind).having(total != 0)


def _number(number: int) -> ColumnElement[int]:
    return literal_column(str(number), BigInteger()).label("customers")


# The session passes the tenant. Other columns of the same name in both tables have one value.
_COLUMNS = {
    one.name: one
    for one in (*customers.columns, *customer_statistics.columns)
    if one.name != "tenant_id"
}
_LISTS = frozenset(name for name, one in _COLUMNS.items() if isinstance(one.type, ARRAY))
_IDS = bindparam("ids", type_=UUIDS)
_HOLDERS = Statement.of(_select_holders())
_LOCK = Statement.of(_locked())
_LOCK_UNLOCKED = Statement.of(_locked(skip_locked=True))
_LOCK_EMAILS = Statement.of(lock_texts("email_keys"))
_ADD_MANY = Statement.of(_add_many())
_TRY_ADD_MANY = Statement.of(_try_add_many())
_SAVE_MANY = Statement.of(_save_many())
