"""A session that asks for the plan of whatever it reads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asyncpg import Record

from customers.adapters.postgres.customers.customers import ADD
from customers.adapters.postgres.customers.rows import to_row
from customers.adapters.postgres.engine.pool import Pool, PoolOptions
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from tests.support.builders import a_customer

Read = Callable[[Session], Awaitable[object]]

_TABLES = [
    f"customer_segment_{name}"
    for name in ("refresh_states", "members", "assignments", "changes", "pending_changes")
]
_IN_SEGMENTS = (
    "INSERT INTO customer_segments SELECT $1, id, id::text, id::text, '', NULL, NULL, false, true,"
    " now(), now() FROM unnest($2::uuid[]) AS id",
    "INSERT INTO customer_segment_refresh_states"
    " (tenant_id, segment_id, member_count, scanned, cause)"
    " SELECT $1, id, 0, 0, 'rule' FROM unnest($2::uuid[]) AS id",
    "INSERT INTO customer_segment_members"
    " SELECT tenant_id, c.id, s, created_at FROM customers AS c, unnest($2::uuid[]) AS s"
    " WHERE tenant_id = $1",
    "INSERT INTO customer_segment_assignments (tenant_id, segment_id, customer_id, assigned_at)"
    " SELECT tenant_id, s, c.id, now() FROM customers AS c, unnest($2::uuid[]) AS s"
    " WHERE tenant_id = $1",
    "INSERT INTO customer_segment_changes"
    " SELECT tenant_id, s, row_number() OVER (), c.id, true, created_at, 'rule'"
    " FROM customers AS c, unnest($2::uuid[]) AS s WHERE tenant_id = $1",
    "INSERT INTO customer_segment_pending_changes (tenant_id, customer_id, at, cause)"
    " SELECT tenant_id, id, created_at, 'order' FROM customers"
    " WHERE tenant_id = $1 AND $2::uuid[] <> '{}' LIMIT 100",
)


class Explaining(Session):
    """Asks for the plan of what it reads, too."""

    plan = ""
    _plans: Sequence[str] = ()

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        self.plan = await self._explained(statement, values)
        return await super().rows(statement, **values)

    async def row(self, statement: Statement, **values: object) -> Record | None:
        await self._explained(statement, values)
        return await super().row(statement, **values)

    async def value(self, statement: Statement, **values: object) -> Any:
        await self._explained(statement, values)
        return await super().value(statement, **values)

    async def plans_of(self, read: Read) -> Sequence[str]:
        """The plans of all that is read."""
        self._plans = list[str]()
        await read(self)
        assert self._plans
        return self._plans

    async def without(self, *ways: str) -> None:
        """Keeps the planner from these ways, where it can do without."""
        for way in ways:
            await self._connection.execute(f"SET enable_{way} = off")

    async def kept_plans(self) -> list[str]:
        """What the server has prepared in this session to run again."""
        kept = await self._connection.fetch("SELECT statement FROM pg_prepared_statements")
        return [row["statement"] for row in kept if row["statement"].startswith("SELECT")]

    async def crowd(self, tenant: str) -> None:
        """Makes the tenant large enough for the planner to care, and tells it so."""
        crowd = [a_customer(tenant_id=tenant, tags=("common",)) for _ in range(1_500)]
        await self.run_each(ADD, [to_row(customer) for customer in crowd])
        await self._connection.execute("VACUUM ANALYZE customers")

    async def crowd_in_segments(self, tenant: str, *segments: UUID) -> None:
        """A crowd that is in all of the segments, with marks, and with feeds of its own."""
        await self.crowd(tenant)
        for sql in _IN_SEGMENTS:
            await self._connection.execute(sql, tenant, list(segments))
        await self._connection.execute("VACUUM ANALYZE " + ", ".join(_TABLES))

    async def _explained(self, statement: Statement, values: Mapping[str, object]) -> str:
        told = statement.arguments({**values, "tenant_id": self.tenant_id})
        lines = await self._connection.fetch("EXPLAIN " + statement.sql, *told)
        plan = "\n".join(line[0] for line in lines)
        self._plans = [*self._plans, plan]
        return plan


@asynccontextmanager
async def explaining(url: str, tenant: str) -> AsyncIterator[Explaining]:
    """A session over a connection of its own."""
    pool = Pool(url, PoolOptions(max_size=1))
    await pool.open()
    session = Explaining(tenant, await pool.acquire())
    try:
        yield session
    finally:
        await pool.release(session.end())
        await pool.close()
