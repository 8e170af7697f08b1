"""Customers one at a time: reading, locking and writing them. Lists live in `lists`.

A write carries what the core computes beside the customer, and in the same statement moves the
tenant's counters and leaves a mark for the members of its segments.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    BigInteger,
    Select,
    Subquery,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import change_capture, pages
from customers.adapters.postgres.customers.counters import counted
from customers.adapters.postgres.customers.profiles import PROFILE, PROFILES, to_profile
from customers.adapters.postgres.customers.rows import SHOWN, from_row, to_row
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT, UUIDS
from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer, Profile
from customers.core.model.query import (
    CustomerFilter,
    CustomerKey,
    CustomerPage,
    CustomerSort,
    Page,
)
from customers.core.ports.customers import CustomerRepository


class PostgresCustomers(CustomerRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, customer_id: UUID) -> Customer:
        return _found(await self._session.row(_GET, id=customer_id))

    async def profile(self, customer_id: UUID) -> Profile:
        row = await self._session.row(PROFILE, id=customer_id)
        if row is None:
            raise CustomerNotFound
        return to_profile(row)

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        rows = await self._session.rows(PROFILES, ids=customer_ids)
        return {row["id"]: to_profile(row) for row in rows}

    async def by_email(self, email_key: str) -> Customer | None:
        row = await self._session.row(_BY_EMAIL, email_key=email_key)
        return None if row is None else from_row(row)

    async def page(
        self, which: CustomerFilter, order: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        return [from_row(row) for row in await pages.page(self._session, which, order, page)]

    async def page_with_total(
        self, which: CustomerFilter, order: CustomerSort, page: Page
    ) -> CustomerPage:
        rows, total = await pages.numbered(self._session, which, order, page)
        return CustomerPage(customers=[from_row(row) for row in rows], total=total, page=page)

    async def page_after(
        self, which: CustomerFilter, order: CustomerSort, key: CustomerKey | None, limit: int
    ) -> Sequence[Customer]:
        rows = await pages.after(self._session, which, order, key, limit)
        return [from_row(row) for row in rows]

    async def count(self, which: CustomerFilter) -> int:
        return await pages.count(self._session, which)

    async def get_for_update(self, customer_id: UUID) -> Customer:
        return _found(await self._session.row(_LOCK, id=customer_id))

    async def get_any_for_update(self, customer_id: UUID) -> Customer:
        return _found(await self._session.row(_LOCK_ANY, id=customer_id))

    async def lock_ids(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        rows = await self._session.rows(_LOCK_ALL, ids=list(customer_ids))
        return [row["id"] for row in rows]

    async def add(self, customer: Customer) -> bool:
        return await self._session.row(ADD, **to_row(customer)) is not None

    async def save(self, customer: Customer) -> None:
        await self._session.run(_SAVE, **to_row(customer))


def _found(row: Record | None) -> Customer:
    if row is None:
        raise CustomerNotFound
    return from_row(row)


def _one(*more: ColumnElement[bool]) -> Select[Any]:
    return select(*SHOWN).where(customers.c.tenant_id == TENANT, *more)


def _add() -> Select[Any]:
    """Gives a row when the customer is new."""
    new = insert(customers).values(parameters(customers))
    added = (
        new.on_conflict_do_nothing(index_elements=["tenant_id", "email_key"], index_where=LIVING)
        .returning(customers.c.status, customers.c.customer_type)
        .cte("added")
    )
    moved = select(added.c.status, added.c.customer_type, _so_many(1)).subquery("moved")
    return select(added.c.status).add_cte(
        counted(moved).cte("counted"), change_capture.of_new(added).cte("marked")
    )


def _save() -> Insert:
    """The counters move where the status or the type does, or when the customer leaves or returns:
    the row as it was is compared with the row as it is to be.
    """
    here = (customers.c.tenant_id == TENANT, ID)
    before = select(customers.c.status, customers.c.customer_type, _so_many(-1)).where(
        *here, LIVING
    )
    after = select(
        bindparam("status", type_=TEXT),
        bindparam("customer_type", type_=TEXT),
        _so_many(1),
    ).where(bindparam("deleted_at", type_=MOMENT).is_(None))
    each = union_all(before, after).subquery("each")
    moved = _netted(each).subquery("moved")
    new_values = parameters(customers, but=("tenant_id", "id"))
    saved = update(customers).where(*here).values(new_values).cte("saved")
    return counted(moved).add_cte(saved, change_capture.of_saved().cte("marked"))


def _netted(each: Subquery) -> Select[Any]:
    """The differences that do not cancel out."""
    total = func.sum(each.c.customers)
    kind = (each.c.status, each.c.customer_type)
    return select(*kind, total.label("customers")).group_by(*kind).having(total != 0)


def _so_many(customers_moved: int) -> ColumnElement[int]:
    return literal_column(str(customers_moved), BigInteger()).label("customers")


ID = customers.c.id == bindparam("id", type_=Uuid())
_GET = Statement.of(_one(LIVING, ID))
_BY_EMAIL = Statement.of(_one(LIVING, customers.c.email_key == bindparam("email_key", type_=TEXT)))
_LOCK = Statement.of(_one(LIVING, ID).with_for_update(key_share=True))
_LOCK_ANY = Statement.of(_one(ID).with_for_update(key_share=True))
_LOCK_ALL = Statement.of(
    select(customers.c.id)
    .where(
        customers.c.tenant_id == TENANT,
        LIVING,
        customers.c.id == any_(bindparam("ids", type_=UUIDS)),
    )
    .order_by(customers.c.id)
    .with_for_update(key_share=True)
)
ADD = Statement.of(_add())
_SAVE = Statement.of(_save())
