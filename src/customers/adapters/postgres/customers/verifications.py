"""Verifications of e-mail addresses in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, delete, func, insert, select, update

from customers.adapters.postgres.customers.owned_rows import all_of, existing, of_customer
from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.owned_tables import customer_email_verifications
from customers.adapters.postgres.schema.tables import LIVING, customers
from customers.adapters.postgres.schema.types import MOMENT, TEXT
from customers.core.model.verification import Verification, VerificationWithEmail
from customers.core.ports.verifications import VerificationRepository

VERIFICATIONS = RowMapping(Verification, customer_email_verifications)


class PostgresVerifications(VerificationRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self, customer_id: UUID) -> Sequence[Verification]:
        rows = await self._session.rows(_ALL, customer_id=customer_id)
        return VERIFICATIONS.read_all(existing(rows, "token_hash"))

    async def add(self, verification: Verification) -> None:
        await self._session.run(_ADD, **VERIFICATIONS.write(verification))

    async def remove(self, customer_id: UUID, sent_until: datetime) -> None:
        await self._session.run(_REMOVE, customer_id=customer_id, sent_until=sent_until)

    async def use(self, customer_id: UUID, now: datetime) -> None:
        if await has_table(self._session):
            await self._session.run(_USE, customer_id=customer_id, now=now)


async def has_table(session: Session) -> bool:
    """Whether a migration has created the table of verifications yet."""
    return bool(await session.value(_HAS_TABLE))


async def find_verification(session: Session, token_hash: str) -> VerificationWithEmail | None:
    """The verification of any tenant with this token hash; None if its customer is deleted, or if
    there is none.
    """
    row = await session.row(_FIND, token_hash=token_hash)
    if row is None:
        return None
    return VerificationWithEmail(verification=VERIFICATIONS.read(row), email_key=row["email_key"])


def _find() -> Select[Any]:
    verification = customer_email_verifications.c
    owner = and_(
        customers.c.tenant_id == verification.tenant_id,
        customers.c.id == verification.customer_id,
        LIVING,
    )
    joined = customer_email_verifications.join(customers, owner)
    has_hash = verification.token_hash == bindparam("token_hash", type_=TEXT)
    columns = (*VERIFICATIONS.columns, customers.c.email_key)
    return select(*columns).select_from(joined).where(has_hash)


_verification = customer_email_verifications.c
_ALL = Statement.of(
    all_of(customer_email_verifications).order_by(_verification.sent_at, _verification.token_hash)
)
_ADD = Statement.of(
    insert(customer_email_verifications).values(**parameters(customer_email_verifications))
)
_REMOVE = Statement.of(
    delete(customer_email_verifications).where(
        of_customer(customer_email_verifications),
        _verification.sent_at <= bindparam("sent_until", type_=MOMENT),
    )
)
_USE = Statement.of(
    update(customer_email_verifications)
    .where(of_customer(customer_email_verifications), _verification.used_at.is_(None))
    .values(used_at=bindparam("now", type_=MOMENT))
)
_HAS_TABLE = Statement.of(select(func.to_regclass(customer_email_verifications.name).is_not(None)))
_FIND = Statement.across_tenants("verification of a token", _find())
