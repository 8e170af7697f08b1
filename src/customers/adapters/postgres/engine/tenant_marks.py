"""The mark of a transaction: an advisory lock that shows for which tenant the transaction writes.

The lock is shared and nobody takes it exclusively, so nobody ever waits for it. Tenants are told
apart by 31 bits of a digest; two tenants with the same bits are taken for one.
"""

from functools import lru_cache
from hashlib import blake2b

from sqlalchemy import func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from customers.adapters.postgres.engine.statements import Statement

# The first key of all marks: a number that no other program is likely to choose.
MARK_CLASS = 1_668_641_652


def mark_of(tenant_id: str) -> int:
    """The second key of a tenant's mark: 31 bits, so that it is the same signed and unsigned."""
    digest = blake2b(tenant_id.encode(errors="surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest) >> 1


@lru_cache(maxsize=4_096)
def marking(tenant_id: str) -> str:
    """The SQL that marks a transaction as one of the tenant, without parameters."""
    group: ColumnElement[int] = literal_column(str(MARK_CLASS))
    mark: ColumnElement[int] = literal_column(str(mark_of(tenant_id)))
    return Statement.of(select(func.pg_advisory_xact_lock_shared(group, mark))).sql
