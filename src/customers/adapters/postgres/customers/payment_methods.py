"""Payment methods in PostgreSQL, and the tokens that a deleted customer sets free.

Which method is the default is the model's business. That a token has one holder is the business
of an index over the tokens that are not released.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from attrs import asdict
from sqlalchemy import CTE, Select, any_, bindparam, delete, false, select, text, true, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers.diff import replacement
from customers.adapters.postgres.customers.owned_rows import all_of, found, of_customer
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import customer_payment_methods
from customers.adapters.postgres.schema.types import UUIDS
from customers.core.model.payment import PaymentMethod, PaymentType
from customers.core.ports.customers import PaymentMethodRepository


class PostgresPaymentMethods(PaymentMethodRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, customer_id: UUID) -> Sequence[PaymentMethod]:
        rows = await self._session.rows(_ALL, customer_id=customer_id)
        return [from_row(row) for row in found(rows)]

    async def replace(
        self, customer_id: UUID, before: Sequence[PaymentMethod], after: Sequence[PaymentMethod]
    ) -> None:
        change = replacement(before, after)
        if change.gone:
            await self._session.run(_REMOVE, customer_id=customer_id, ids=change.gone)
        if change.put:
            await self._session.run_each(_PUT, [asdict(method) for method in change.put])

    async def release(self, customer_id: UUID) -> None:
        await self._session.run(_RELEASE, customer_id=customer_id)

    async def reclaim(self, customer_id: UUID) -> Sequence[UUID]:
        return [row["id"] for row in await self._session.rows(_RECLAIM, customer_id=customer_id)]


def from_row(row: Record | Mapping[str, Any]) -> PaymentMethod:
    """The method of a row that has the columns of its table, `is_released` or not."""
    told = {name: value for name, value in row.items() if name != "is_released"}
    return PaymentMethod(**{**told, "payment_type": PaymentType(row["payment_type"])})


def _put() -> Insert:
    told = parameters(customer_payment_methods, but=("is_released",))
    new = insert(customer_payment_methods).values(**told, is_released=false())
    kept = ("tenant_id", "id", "customer_id", "is_released")
    changes = {column.name: column for column in new.excluded if column.name not in kept}
    return new.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changes)


def _reclaim() -> ReturningInsert[Any]:
    """An update would fail on a token that somebody takes at this moment, an insert can wait for
    them and step back: so the rows are taken out and put in again, and those whose tokens others
    have are put in as they were. Tokens are taken in one order, so that no two restores wait for
    each other.
    """
    released = (
        delete(customer_payment_methods)
        .where(of_customer(customer_payment_methods), _of.is_released)
        .returning(*_of)
        .cte("released")
    )
    by_token = (released.c.payment_gateway, released.c.gateway_payment_method_id)
    held = (
        _put_again(_with(released, false()).order_by(*by_token))
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "payment_gateway", "gateway_payment_method_id"],
            index_where=text("NOT is_released"),
        )
        .returning(_of.id)
        .cte("held")
    )
    lost = _with(released, true()).where(released.c.id.not_in(select(held.c.id)))
    return _put_again(lost).returning(_of.id)


def _with(released: CTE, is_released: ColumnElement[bool]) -> Select[Any]:
    told = (is_released if each.name == "is_released" else each for each in released.c)
    return select(*told)


def _put_again(rows: Select[Any]) -> Insert:
    return insert(customer_payment_methods).from_select(list(_of), rows)


_of = customer_payment_methods.c
_ALL = Statement.of(
    all_of(customer_payment_methods).order_by(_of.is_default.desc(), _of.created_at, _of.id)
)
_REMOVE = Statement.of(
    delete(customer_payment_methods).where(
        of_customer(customer_payment_methods), _of.id == any_(bindparam("ids", type_=UUIDS))
    )
)
_PUT = Statement.of(_put())
_RELEASE = Statement.of(
    update(customer_payment_methods)
    .where(of_customer(customer_payment_methods))
    .values(is_released=true())
)
_RECLAIM = Statement.of(_reclaim())
