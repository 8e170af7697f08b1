"""API keys in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, func, insert, literal_column, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.row_mapping import RowMapping
from customers.adapters.postgres.engine.session import TENANT, Session, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_marks import mark_of
from customers.adapters.postgres.schema.access_tables import customer_api_keys
from customers.adapters.postgres.schema.types import MOMENT
from customers.core.errors import ApiKeyNotFound
from customers.core.model.api_key import ApiKey
from customers.core.ports.api_keys import ApiKeyRepository

# The first revision with the table of keys.
_KEYS_REVISION = "0015"
# The class of the advisory locks: a number that no other program is likely to choose.
_LOCK_CLASS = 1_668_641_653

API_KEYS = RowMapping(ApiKey, customer_api_keys)


class PostgresApiKeys(ApiKeyRepository):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> Sequence[ApiKey]:
        return API_KEYS.read_all(await self._session.rows(_ALL))

    async def acquire_lock(self) -> None:
        await self._session.value(_LOCK, mark=mark_of(self._session.tenant_id))

    async def add(self, key: ApiKey) -> None:
        await self._session.run(_ADD, **API_KEYS.write(key))

    async def revoke(self, key_id: UUID, now: datetime) -> None:
        if not await self._session.run(_REVOKE, id=key_id, now=now):
            raise ApiKeyNotFound

    async def mark_used(self, uses: Mapping[UUID, datetime]) -> None:
        # In the order of the ids, so that two processes never deadlock.
        rows = [{"id": key_id, "now": moment} for key_id, moment in sorted(uses.items())]
        await self._session.run_many(_MARK_USED, rows)


def has_table(revision: str | None) -> bool:
    """Whether a database with that revision has a table of keys."""
    return revision is not None and revision >= _KEYS_REVISION


async def find(session: Session, key_id: UUID) -> ApiKey | None:
    """The key with this id, of any tenant; None if there is none."""
    row = await session.row(_FIND, id=key_id)
    return None if row is None else API_KEYS.read(row)


async def all_of_every_tenant(session: Session) -> Sequence[ApiKey]:
    """The keys that are not revoked, by tenant, then newest first."""
    return API_KEYS.read_all(await session.rows(_ALL_OF_EVERY_TENANT))


_key = customer_api_keys.c
_ID = bindparam("id", type_=Uuid())
_NOW = bindparam("now", type_=MOMENT)
_OWN = update(customer_api_keys).where(_key.tenant_id == TENANT, _key.id == _ID)
_CLASS: ColumnElement[int] = literal_column(str(_LOCK_CLASS))
_FIND = Statement.across_tenants("api key", select(*API_KEYS.columns).where(_key.id == _ID))
_NEWEST = (_key.created_at.desc(), _key.id.desc())
_NOT_REVOKED = select(*API_KEYS.columns).where(_key.revoked_at.is_(None))
_ALL = Statement.of(_NOT_REVOKED.where(_key.tenant_id == TENANT).order_by(*_NEWEST))
_ALL_OF_EVERY_TENANT = Statement.across_tenants(
    "api keys", _NOT_REVOKED.order_by(_key.tenant_id, *_NEWEST)
)
_LOCK = Statement.of(select(func.pg_advisory_xact_lock(_CLASS, bindparam("mark", type_=Integer()))))
_ADD = Statement.of(insert(customer_api_keys).values(parameters(customer_api_keys)))
_REVOKE = Statement.of(_OWN.where(_key.revoked_at.is_(None)).values(revoked_at=_NOW))
_MARK_USED = Statement.of(
    _OWN.where(or_(_key.last_used_at.is_(None), _key.last_used_at < _NOW)).values(last_used_at=_NOW)
)
