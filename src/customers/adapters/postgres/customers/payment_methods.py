"""Payment methods in PostgreSQL, and the tokens that a deleted customer releases.

The model decides which method is the default. A unique index over the tokens that are not released
gives each token at most one holder.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Select, Uuid, any_, bindparam, delete, false, select, text, true, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.diff import difference
from customers.adapters.postgres.customers.owned_rows import all_of, existing, of_customer
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.owned_tables import customer_payment_methods
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.errors import PaymentMethodTaken
from customers.core.model.payment import PaymentMethod
from customers.core.ports.customers import PaymentMethodRepository

PAYMENT_METHODS = RowMapping(PaymentMethod, customer_payment_methods, storage_only=("is_released",))


class PostgresPaymentMethods(PaymentMethodRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        rows = await self._session.rows(_ALL, customer_id=customer_id)
        return PAYMENT_METHODS.read_all(existing(rows))

    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        change = difference(before, after)
        if change.removed:
            await self._session.run(_REMOVE, customer_id=customer_id, ids=change.removed)
        known = {method.id for method in before}
        for method in change.saved:
            await self._save(method, is_new=method.id not in known)

    async def _save(self, method: PaymentMethod, *, is_new: bool) -> None:
        row = PAYMENT_METHODS.write(method)
        if is_new and await self._session.row(_ADD, **row) is None:
            self._session.refuse(PaymentMethodTaken())
        if not is_new:
            await self._session.run(_SAVE, **row)

    async def release(self, customer_id: UUID) -> None:
        await self._session.run(_RELEASE, customer_id=customer_id)

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        return [row["id"] for row in await self._session.rows(_RECLAIM, customer_id=customer_id)]


def _add() -> ReturningInsert[Any]:
    """Adds a method and returns its id; no row if its token is taken. If the insert violated the
    unique index instead, the server would write the token to its log.
    """
    values = parameters(customer_payment_methods, but=("is_released",))
    new = insert(customer_payment_methods).values(**values, is_released=false())
    return new.on_conflict_do_nothing(
        index_elements=_TOKEN, index_where=text("NOT is_released")
    ).returning(_method.id)


def _reclaim() -> ReturningInsert[Any]:
    """Deletes the released rows and inserts them again; returns the ids of those whose token is
    taken.

    An update would fail on a token that another transaction is about to take; an insert can wait
    for that transaction and do nothing. The rows whose tokens are taken are inserted as released.
    Tokens are inserted in order, so that two restores never deadlock.
    """
    released = (
        delete(customer_payment_methods)
        .where(of_customer(customer_payment_methods), _method.is_released)
        .returning(*_method)
        .cte("released")
    )
    by_token = (released.c.payment_gateway, released.c.gateway_payment_method_id)
    reclaimed = (
        _insert(_with(released, false()).order_by(*by_token))
        .on_conflict_do_nothing(index_elements=_TOKEN, index_where=text("NOT is_released"))
        .returning(_method.id)
        .cte("reclaimed")
    )
    taken = _with(released, true()).where(released.c.id.not_in(select(reclaimed.c.id)))
    return _insert(taken).returning(_method.id)


def _with(released: CTE, is_released: ColumnElement[bool]) -> Select[Any]:
    values = (
        is_released if column.name == "is_released" else column for column in released.columns
    )
    return select(*values)


def _insert(rows: Select[Any]) -> Insert:
    return insert(customer_payment_methods).from_select(list(_method), rows)


_method = customer_payment_methods.c
_TOKEN = ["tenant_id", "payment_gateway", "gateway_payment_method_id"]
_ALL = Statement.of(
    all_of(customer_payment_methods).order_by(
        _method.is_default.desc(), _method.created_at, _method.id
    )
)
_REMOVE = Statement.of(
    delete(customer_payment_methods).where(
        of_customer(customer_payment_methods), _method.id == any_(bindparam("ids", type_=UUIDS))
    )
)
_ADD = Statement.of(_add())
_SAVE = Statement.of(
    update(customer_payment_methods)
    .where(of_customer(customer_payment_methods), _method.id == bindparam("id", type_=Uuid()))
    .values(
        **parameters(
            customer_payment_methods, but=("tenant_id", "id", "customer_id", "is_released")
        )
    )
)
_RELEASE = Statement.of(
    update(customer_payment_methods)
    .where(of_customer(customer_payment_methods))
    .values(is_released=true())
)
_RECLAIM = Statement.of(_reclaim())
