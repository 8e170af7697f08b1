"""Customers in PostgreSQL: reading and locking them. Lists are in `pages`, writes in
`customer_writes`.

A customer is locked by the row of statistics, which every write changes. A row of `customers` is
only locked after that, so that no two writes wait for each other.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    Select,
    Uuid,
    any_,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import customer_groups, pages
from customers.adapters.postgres.customers.customer_writes import (
    ADD,
    LOCK_EMAIL,
    LOCK_USER,
    SAVE,
    SAVE_IF_UNCHANGED,
)
from customers.adapters.postgres.customers.lateral import any_of
from customers.adapters.postgres.customers.profiles import PROFILE, PROFILES, to_profile
from customers.adapters.postgres.customers.rows import (
    CUSTOMER_ROW,
    CUSTOMERS,
    CUSTOMERS_WITH_STATISTICS,
)
from customers.adapters.postgres.engine.session import TENANT, Session
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import TEXT, TEXTS, UUIDS
from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer, Profile
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.query import CustomerKey, CustomerPage, CustomerSort, Page
from customers.core.ports.customers import CustomerRepository


class PostgresCustomers(CustomerRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, customer_id: UUID) -> Customer:
        return _existing(await self._session.row(_GET, id=customer_id))

    async def profiles(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Profile]:
        if len(customer_ids) == 1:
            rows = await self._session.rows(PROFILE, id=customer_ids[0])
        else:
            rows = await self._session.rows(PROFILES, ids=customer_ids)
        return {row["id"]: to_profile(row) for row in rows}

    async def by_email(self, email_key: str) -> Customer | None:
        row = await self._session.row(_BY_EMAIL, email_key=email_key)
        return None if row is None else CUSTOMERS.read(row)

    async def by_emails(self, email_keys: Sequence[str]) -> Mapping[str, Customer]:
        if len(email_keys) == 1:
            customer = await self.by_email(email_keys[0])
            return {} if customer is None else {email_keys[0]: customer}
        rows = await self._session.rows(_BY_EMAILS, email_keys=email_keys)
        return {row["email_key"]: CUSTOMERS.read(row) for row in rows}

    async def by_user(self, user_id: UUID) -> Customer | None:
        row = await self._session.row(_BY_USER, user_id=user_id)
        return None if row is None else CUSTOMERS.read(row)

    async def page(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> Sequence[Customer]:
        rows = await pages.page(self._session, customer_filter, sort, page)
        return CUSTOMERS.read_all(rows)

    async def page_with_total(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> CustomerPage:
        rows, total = await pages.page_with_total(self._session, customer_filter, sort, page)
        return CustomerPage(customers=CUSTOMERS.read_all(rows), total=total, page=page)

    async def page_after(
        self,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        limit: int,
    ) -> Sequence[Customer]:
        rows = await pages.page_after(self._session, customer_filter, sort, key, limit)
        return CUSTOMERS.read_all(rows)

    async def count(self, customer_filter: CustomerFilter) -> int:
        return await pages.count(self._session, customer_filter)

    async def counts(
        self, customer_filters: Sequence[CustomerFilter], seconds: float
    ) -> Sequence[int | None]:
        loop = get_running_loop()
        end, numbers = loop.time() + seconds, list[int | None]()
        for customer_filter in customer_filters:
            counting = partial(self.count, customer_filter)
            numbers.append(await self._session.within(end - loop.time(), counting))
        return numbers

    async def get_for_update(self, customer_id: UUID) -> Customer:
        return _existing(await self._session.row(_GET_FOR_UPDATE, id=customer_id))

    async def get_any_for_update(self, customer_id: UUID) -> Customer:
        return _existing(await self._session.row(_GET_ANY_FOR_UPDATE, id=customer_id))

    async def get_ids_for_update(self, customer_ids: Collection[UUID]) -> Collection[UUID]:
        rows = await self._session.rows(_GET_IDS_FOR_UPDATE, ids=list(customer_ids))
        return [row["customer_id"] for row in rows]

    async def add(self, customer: Customer) -> bool:
        return await self._session.row(ADD, **CUSTOMERS.write(customer)) is not None

    async def reserve_email(self, customer: Customer) -> None:
        """Uses two statements, because a single one that waited for the lock would not see a
        customer who got the e-mail address from the transaction that held the lock.
        """
        key = {"email_key": customer.email_key}
        await self._session.run(LOCK_EMAIL, **key)
        holder = await self._session.row(_BY_EMAIL, **key)
        if holder is not None and holder["id"] != customer.id:
            self._session.refuse(EmailTaken())

    async def reserve_user(self, user_id: UUID) -> None:
        await self._session.run(LOCK_USER, user_id=str(user_id))

    async def save(self, customer: Customer) -> None:
        await self._session.run(SAVE, **CUSTOMERS.write(customer))

    async def get_many_for_update(
        self, customer_ids: Collection[UUID], email_keys: Collection[str]
    ) -> Sequence[Customer]:
        return await customer_groups.get_many_for_update(self._session, customer_ids, email_keys)

    async def write_many(self, added: Sequence[Customer], changed: Sequence[Customer]) -> None:
        await customer_groups.write_many(self._session, added, changed)


async def change_customer(
    session: Session, customer_id: UUID, change: Callable[[Customer], Customer]
) -> Customer | None:
    """See `Autocommit.change_customer`."""
    customer = _existing(await session.row(_GET, id=customer_id))
    changed = change(customer)
    if changed is customer:
        return customer
    if changed.email_key != customer.email_key:
        return None
    values = {**CUSTOMERS.write(changed), "version_before": customer.version}
    return None if await session.row(SAVE_IF_UNCHANGED, **values) is None else changed


def _existing(row: Record | None) -> Customer:
    if row is None:
        raise CustomerNotFound
    return CUSTOMERS.read(row)


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    rows = select(*CUSTOMER_ROW).select_from(CUSTOMERS_WITH_STATISTICS)
    return rows.where(customers.c.tenant_id == TENANT, *conditions)


def _for_update(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Selects the customer `id`, whose statistics satisfy the conditions, and locks both rows.

    Both are the newest versions, even if the lock had to wait for another transaction.
    """
    own = (_statistics.tenant_id == TENANT, _statistics.customer_id == _ID, *conditions)
    locked = (
        select(*_statistics)
        .where(*own)
        .with_for_update(key_share=True)
        .cte("locked")
        .prefix_with("MATERIALIZED")
    )
    columns = (
        locked.c[one.name] if one.table is customer_statistics else one for one in CUSTOMERS.columns
    )
    return (
        select(*columns)
        .join_from(locked, customers, customers.c.id == locked.c.customer_id)
        .where(customers.c.tenant_id == TENANT)
        .with_for_update(key_share=True, of=customers)
    )


_statistics = customer_statistics.c
_ID = bindparam("id", type_=Uuid())
_HAS_ID = customers.c.id == _ID
_GET = Statement.of(_select(LIVING, _HAS_ID))
_BY_EMAIL = Statement.of(
    _select(LIVING, customers.c.email_key == bindparam("email_key", type_=TEXT))
)
_BY_EMAILS = Statement.of(
    _select(
        LIVING, customers.c.email_key == any_of(bindparam("email_keys", type_=TEXTS))
    ).add_columns(customers.c.email_key)
)
_BY_USER = Statement.of(
    _select(LIVING, customers.c.user_id == bindparam("user_id", type_=Uuid()))
    .order_by(customers.c.created_at, customers.c.id)
    .limit(literal_column("1"))
)
_GET_FOR_UPDATE = Statement.of(_for_update(_statistics.is_living))
_GET_ANY_FOR_UPDATE = Statement.of(_for_update())
_GET_IDS_FOR_UPDATE = Statement.of(
    select(_statistics.customer_id)
    .where(
        _statistics.tenant_id == TENANT,
        _statistics.is_living,
        _statistics.customer_id == any_(bindparam("ids", type_=UUIDS)),
    )
    .order_by(_statistics.customer_id)
    .with_for_update(key_share=True)
)
