"""The statements that add and save a customer, and the locks of e-mail addresses and accounts.

In the same statement a write updates the tenant's counters and stores the pending change.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Select,
    Subquery,
    Uuid,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import change_capture
from customers.adapters.postgres.customers.counters import add_to_counters
from customers.adapters.postgres.customers.text_locks import lock_text, try_lock
from customers.adapters.postgres.engine.session import TENANT, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT


def _lock_email() -> Select[Any]:
    """Locks an e-mail address of the tenant until the transaction ends, whether or not a customer
    has it. Every write that gives an address to a customer locks the address first.
    """
    return lock_text("email_key")


def _add() -> Select[Any]:
    """Adds the customer and returns a row; no row if a living customer has the e-mail address."""
    email_lock = _lock_email().cte("email_lock").prefix_with("MATERIALIZED")
    added, also = _added(select(*parameters(customers).values()).select_from(email_lock))
    return select(added.c.status).add_cte(*also)


def _try_add() -> Select[Any]:
    """As `_add`, without waiting for the lock of the e-mail address; `has_lock` says whether it was
    free, `is_added` whether the customer was added.
    """
    email_key = bindparam("email_key", type_=TEXT)
    email_lock = select(try_lock(email_key).label("has_lock")).cte("email_lock")
    email_lock = email_lock.prefix_with("MATERIALIZED")
    new = select(*parameters(customers).values()).where(email_lock.c.has_lock)
    added, also = _added(new)
    is_added = exists(select(added.c.status)).label("is_added")
    return select(email_lock.c.has_lock, is_added).add_cte(*also)


def _added(row: Select[Any]) -> tuple[CTE, Sequence[CTE]]:
    """Adds the customer of the row, if there is one: the added row, and what is written besides."""
    new = insert(customers).from_select(list(parameters(customers)), row)
    added = (
        new.on_conflict_do_nothing(index_elements=["tenant_id", "email_key"], index_where=LIVING)
        .returning(customers.c.status, customers.c.customer_type)
        .cte("added")
    )
    statistics = parameters(customer_statistics)
    counting = insert(customer_statistics).from_select(
        list(statistics), select(*statistics.values()).select_from(added)
    )
    differences = select(added.c.status, added.c.customer_type, _customers(1)).subquery(
        "differences"
    )
    return added, [
        counting.cte("counting"),
        add_to_counters(differences).cte("counted"),
        change_capture.on_add(added).cte("captured"),
    ]


def _save() -> Select[Any]:
    """Saves the customer and returns a row. Compares the old row with the new one, and changes the
    counters if the status or the type differs, or if the customer was deleted or restored.

    The rows are written before the counters, as in `_add`, to avoid a deadlock: a restore may wait
    for the insert of a customer with the same e-mail address, which may wait for counters.
    """
    return _saving()


def _save_if_unchanged() -> Select[Any]:
    """As `_save`, for a customer that is not locked; no row if the version is no longer the same.

    The update waits for a transaction that has locked the customer, then checks the version again.
    So the counters, the pending change and the other row, which are read in the statement's
    snapshot, are those of the customer that is changed.
    """
    return _saving(_statistics.version == bindparam("version_before", type_=BigInteger()))


def _saving(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Saves the customer whose statistics satisfy these conditions and returns a row; no row if
    they do not. The row of `customers` is only written if it changes.
    """
    own = (customers.c.tenant_id == TENANT, customers.c.id == _ID)
    before = select(customers.c.status, customers.c.customer_type, _customers(-1)).where(
        *own, LIVING
    )
    after = select(
        bindparam("status", type_=TEXT),
        bindparam("customer_type", type_=TEXT),
        _customers(1),
    ).where(bindparam("deleted_at", type_=MOMENT).is_(None))
    saved = (
        update(customer_statistics)
        .where(_statistics.tenant_id == TENANT, _statistics.customer_id == _ID, *conditions)
        .values(parameters(customer_statistics, but=("tenant_id", "customer_id")))
        .returning(_statistics.customer_id.label("id"))
        .cte("saved")
    )
    values = parameters(customers, but=("tenant_id", "id"))
    old = tuple_(*(customers.c[name] for name in values))
    changed = (
        update(customers)
        .where(*own, customers.c.id == saved.c.id)
        .where(old.is_distinct_from(tuple_(*values.values())))
        .values(values)
        .returning(customers.c.id)
        .cte("changed")
    )
    counts = union_all(before, after).subquery("counts")
    differences = _sums(counts).where(exists(select(changed.c.id))).subquery("differences")
    captured, counted = change_capture.on_save(saved), add_to_counters(differences)
    return select(saved.c.id).add_cte(changed, counted.cte("counted"), captured.cte("captured"))


def _sums(counts: Subquery) -> Select[Any]:
    """The sums of the counts by status and type, without those that are zero."""
    total = func.sum(counts.c.customers)
    kind = (counts.c.status, counts.c.customer_type)
    return select(*kind, total.label("customers")).group_by(*kind).having(total != 0)


def _customers(number: int) -> ColumnElement[int]:
    return literal_column(str(number), BigInteger()).label("customers")


_statistics = customer_statistics.c
_ID = bindparam("id", type_=Uuid())
LOCK_EMAIL = Statement.of(_lock_email())
LOCK_USER = Statement.of(lock_text("user_id"))
ADD = Statement.of(_add())
TRY_ADD = Statement.of(_try_add())
SAVE = Statement.of(_save())
SAVE_IF_UNCHANGED = Statement.of(_save_if_unchanged())
