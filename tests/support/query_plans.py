"""A session that also explains every statement it reads with."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asyncpg import Record

from customers.adapters.postgres.customers.customer_writes import ADD
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.connection import Connection, Query
from customers.adapters.postgres.engine.pool import Pool
from customers.adapters.postgres.engine.session import Session
from customers.adapters.postgres.engine.statements import Statement
from tests.support.builders import a_customer
from tests.support.service_roles import service_url

Read = Callable[[Session], Awaitable[object]]

_TABLES = [
    f"customer_segment_{name}"
    for name in ("refresh_states", "members", "assignments", "changes", "pending_changes")
]
_FILL_SEGMENTS = (
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
    """Explains every statement that it reads with."""

    owner: "Connection | None" = None
    """A connection that may do what the session's role may not."""
    plan = ""
    """The plan of the last call of `rows`."""
    _plans: Sequence[str] = ()

    async def rows(self, statement: Statement, **values: object) -> Sequence[Record]:
        self.plan = await self._explain(statement, values)
        return await super().rows(statement, **values)

    async def row(self, statement: Statement, **values: object) -> Record | None:
        await self._explain(statement, values)
        return await super().row(statement, **values)

    async def value(self, statement: Statement, **values: object) -> Any:
        await self._explain(statement, values)
        return await super().value(statement, **values)

    async def run(self, statement: Statement, **values: object) -> int:
        await self._explain(statement, values)
        return await super().run(statement, **values)

    async def plans_of(self, read: Read) -> Sequence[str]:
        """The plan of every statement of a read."""
        self._plans = list[str]()
        await read(self)
        assert self._plans
        return self._plans

    async def disable(self, *plan_nodes: str) -> None:
        """Keeps the planner from these nodes where it has an alternative."""
        for node in plan_nodes:
            await self._connection.script(f"SET enable_{node} = off")

    async def shared_plans(self, part: str) -> int:
        """The number of prepared statements with this part that have run by a generic plan."""
        return sum(row["generic_plans"] > 0 for row in await self._prepared(part))

    async def planned_anew(self, part: str) -> int:
        """The number of prepared statements with this part that have run more than five times, each
        time by a plan for the values at hand.
        """
        plans = [(row["custom_plans"], row["generic_plans"]) for row in await self._prepared(part)]
        return sum(custom > 5 and not generic for custom, generic in plans)

    async def _prepared(self, part: str) -> Sequence[Record]:
        rows = await self._connection.rows(Query("SELECT * FROM pg_prepared_statements"))
        return [
            row
            for row in rows
            if part in row["statement"] and not row["statement"].startswith("EXPLAIN")
        ]

    async def add_customers(self, tenant: str) -> None:
        """Adds enough customers for the planner to prefer indexes, and analyses the tables."""
        customers = [a_customer(tenant_id=tenant, tags=("common",)) for _ in range(1_500)]
        owner = Session(self.tenant_id, self.owner or self._connection)
        await owner.run_many(ADD, [CUSTOMERS.write(customer) for customer in customers])
        await self._run_as_owner("VACUUM ANALYZE customers, customer_statistics")

    async def fill_segments(self, tenant: str, *segments: UUID) -> None:
        """Adds the segments, customers who are in all of them, pending changes and feeds."""
        await self.add_customers(tenant)
        for sql in _FILL_SEGMENTS:
            await self._run_as_owner(sql, tenant, list(segments))
        await self._run_as_owner("VACUUM ANALYZE " + ", ".join(_TABLES))

    async def _run_as_owner(self, sql: str, *values: object) -> None:
        await (self.owner or self._connection).driver.execute(sql, *values)

    async def _explain(self, statement: Statement, values: Mapping[str, object]) -> str:
        arguments = statement.arguments({**values, "tenant_id": self.tenant_id})
        lines = await self._connection.driver.fetch("EXPLAIN " + self._sql(statement), *arguments)
        plan = "\n".join(line[0] for line in lines)
        self._plans = [*self._plans, plan]
        return plan


@asynccontextmanager
async def explaining(
    url: str, tenant: str, *, row_security: bool = False
) -> AsyncIterator[Explaining]:
    """A session over its own connection; with `row_security`, as a role that may only serve."""
    async with _connection(url) as owner:
        if not row_security:
            yield Explaining(tenant, owner)
            return
        async with _connection(await service_url(url)) as connection:
            session = Explaining(tenant, connection, row_security=True)
            session.owner = owner
            yield session


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Connection]:
    pool = Pool(url, PoolOptions(max_size=1))
    await pool.open()
    connection = await pool.acquire("")
    try:
        yield connection
    finally:
        await pool.release(connection)
        await pool.close()
