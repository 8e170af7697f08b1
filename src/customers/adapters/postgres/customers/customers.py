"""Customers in PostgreSQL: reading, locking and writing them. Lists are in `pages`.

A customer is locked by the row of statistics, which every write changes. A row of `customers` is
only locked after that, so that no two writes wait for each other.
In the same statement a write updates the tenant's counters and stores the pending change.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
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

from customers.adapters.postgres.customers import change_capture, pages
from customers.adapters.postgres.customers.counters import add_to_counters
from customers.adapters.postgres.customers.lateral import any_of
from customers.adapters.postgres.customers.profiles import PROFILE, PROFILES, to_profile
from customers.adapters.postgres.customers.rows import (
    CUSTOMER_ROW,
    CUSTOMERS,
    CUSTOMERS_WITH_STATISTICS,
)
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT, TEXTS, UUIDS
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
        return [CUSTOMERS.read(row) for row in rows]

    async def page_with_total(
        self, customer_filter: CustomerFilter, sort: CustomerSort, page: Page
    ) -> CustomerPage:
        rows, total = await pages.page_with_total(self._session, customer_filter, sort, page)
        return CustomerPage(customers=[CUSTOMERS.read(row) for row in rows], total=total, page=page)

    async def page_after(
        self,
        customer_filter: CustomerFilter,
        sort: CustomerSort,
        key: CustomerKey | None,
        limit: int,
    ) -> Sequence[Customer]:
        rows = await pages.page_after(self._session, customer_filter, sort, key, limit)
        return [CUSTOMERS.read(row) for row in rows]

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
        await self._session.run(_LOCK_EMAIL, **key)
        holder = await self._session.row(_BY_EMAIL, **key)
        if holder is not None and holder["id"] != customer.id:
            self._session.refuse(EmailTaken())

    async def reserve_user(self, user_id: UUID) -> None:
        await self._session.run(_LOCK_USER, user_id=str(user_id))

    async def save(self, customer: Customer) -> None:
        await self._session.run(_SAVE, **CUSTOMERS.write(customer))


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
    return None if await session.row(_SAVE_IF_UNCHANGED, **values) is None else changed


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


def _lock_email() -> Select[Any]:
    """Locks an e-mail address of the tenant until the transaction ends, whether or not a customer
    has it. Every write that gives an address to a customer locks the address first.
    """
    return _lock("email_key")


def _lock(parameter: str) -> Select[Any]:
    """Locks the text of a parameter, for the tenant, until the transaction ends."""
    tenant = func.hashtextextended(TENANT, _SEED)
    text = func.hashtextextended(bindparam(parameter, type_=TEXT), tenant)
    return select(func.pg_advisory_xact_lock(text).label("lock"))


def _add() -> Select[Any]:
    """Adds the customer and returns a row; no row if a living customer has the e-mail address."""
    values = parameters(customers)
    email_lock = _lock_email().cte("email_lock").prefix_with("MATERIALIZED")
    new = insert(customers).from_select(
        list(values), select(*values.values()).select_from(email_lock)
    )
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
    return select(added.c.status).add_cte(
        counting.cte("counting"),
        add_to_counters(differences).cte("counted"),
        change_capture.on_add(added).cte("captured"),
    )


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
    own = (customers.c.tenant_id == TENANT, ID)
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


_SEED = literal_column("0", BigInteger())
_statistics = customer_statistics.c
_ID = bindparam("id", type_=Uuid())
ID = customers.c.id == _ID
_GET = Statement.of(_select(LIVING, ID))
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
_LOCK_EMAIL = Statement.of(_lock_email())
_LOCK_USER = Statement.of(_lock("user_id"))
ADD = Statement.of(_add())
_SAVE = Statement.of(_save())
_SAVE_IF_UNCHANGED = Statement.of(_save_if_unchanged())
