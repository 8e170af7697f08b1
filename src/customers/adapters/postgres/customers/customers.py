"""Customers in PostgreSQL: reading, locking and writing them. Lists are in `pages`.

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
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.customers import change_capture, pages
from customers.adapters.postgres.customers.counters import add_to_counters
from customers.adapters.postgres.customers.lateral import any_of
from customers.adapters.postgres.customers.profiles import PROFILE, PROFILES, to_profile
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
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
        return [row["id"] for row in rows]

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
    return select(*CUSTOMERS.columns).where(customers.c.tenant_id == TENANT, *conditions)


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
    differences = select(added.c.status, added.c.customer_type, _customers(1)).subquery(
        "differences"
    )
    return select(added.c.status).add_cte(
        add_to_counters(differences).cte("counted"), change_capture.on_add(added).cte("captured")
    )


def _save() -> Select[Any]:
    """Saves the customer and returns a row. Compares the old row with the new one, and changes the
    counters if the status or the type differs, or if the customer was deleted or restored.

    The row is written before the counters, as in `_add`, to avoid a deadlock: a restore may wait
    for the insert of a customer with the same e-mail address, which may wait for counters.
    """
    return _saving(customers.c.tenant_id == TENANT, ID)


def _save_if_unchanged() -> Select[Any]:
    """As `_save`, for a customer that is not locked; no row if the version is no longer the same.

    The update waits for a transaction that has locked the customer, then checks the version again.
    So the counters and the pending change, which read the statement's snapshot, see the customer
    that is changed.
    """
    is_unchanged = customers.c.version == bindparam("version_before", type_=BigInteger())
    return _saving(customers.c.tenant_id == TENANT, ID, is_unchanged)


def _saving(*own: ColumnElement[bool]) -> Select[Any]:
    """Saves the customer that satisfies these conditions and returns a row; no row if none does."""
    before = select(customers.c.status, customers.c.customer_type, _customers(-1)).where(
        *own, LIVING
    )
    after = select(
        bindparam("status", type_=TEXT),
        bindparam("customer_type", type_=TEXT),
        _customers(1),
    ).where(bindparam("deleted_at", type_=MOMENT).is_(None))
    new_values = parameters(customers, but=("tenant_id", "id"))
    saved = update(customers).where(*own).values(new_values).returning(customers.c.id).cte("saved")
    counts = union_all(before, after).subquery("counts")
    differences = _sums(counts).where(exists(select(saved.c.id))).subquery("differences")
    captured, counted = change_capture.on_save(saved), add_to_counters(differences)
    return select(saved.c.id).add_cte(counted.cte("counted"), captured.cte("captured"))


def _sums(counts: Subquery) -> Select[Any]:
    """The sums of the counts by status and type, without those that are zero."""
    total = func.sum(counts.c.customers)
    kind = (counts.c.status, counts.c.customer_type)
    return select(*kind, total.label("customers")).group_by(*kind).having(total != 0)


def _customers(number: int) -> ColumnElement[int]:
    return literal_column(str(number), BigInteger()).label("customers")


_SEED = literal_column("0", BigInteger())
ID = customers.c.id == bindparam("id", type_=Uuid())
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
_GET_FOR_UPDATE = Statement.of(_select(LIVING, ID).with_for_update(key_share=True))
_GET_ANY_FOR_UPDATE = Statement.of(_select(ID).with_for_update(key_share=True))
_GET_IDS_FOR_UPDATE = Statement.of(
    select(customers.c.id)
    .where(
        customers.c.tenant_id == TENANT,
        LIVING,
        customers.c.id == any_(bindparam("ids", type_=UUIDS)),
    )
    .order_by(customers.c.id)
    .with_for_update(key_share=True)
)
_LOCK_EMAIL = Statement.of(_lock_email())
_LOCK_USER = Statement.of(_lock("user_id"))
ADD = Statement.of(_add())
_SAVE = Statement.of(_save())
_SAVE_IF_UNCHANGED = Statement.of(_save_if_unchanged())
