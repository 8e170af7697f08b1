"""A connection: which statements it prepares and drops, its limits, and what a migration does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import cast

import asyncpg
import pytest
from asyncpg.exceptions import ProtocolError

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.connection import MAX_PREPARED, Connection, Driver, Query
from customers.adapters.postgres.engine.pool import Pool
from customers.bulkheads.deadline import Deadline
from tests.support.patience import PATIENCE_SECONDS

Connect = Callable[..., AbstractAsyncContextManager[Connection]]


@pytest.fixture
def connect(url: str) -> Connect:
    @asynccontextmanager
    async def connected(*, behind_pooler: bool = False) -> AsyncIterator[Connection]:
        driver = await asyncpg.connect(url)
        try:
            yield Connection(driver, behind_pooler=behind_pooler)
        finally:
            await driver.close()

    return connected


async def _prepared(connection: Connection) -> list[str]:
    """The statements that the server keeps for the connection, without the query for them."""
    rows = await connection.driver.fetch(
        "SELECT statement FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared%'"
    )
    return [row["statement"] for row in rows]


async def test_a_statement_is_prepared_once(connect: Connect) -> None:
    async with connect() as connection:
        for number in range(3):
            [row] = await connection.rows(Query("SELECT $1::int + 1 AS next", [number]))
            assert row["next"] == number + 1
        assert await _prepared(connection) == ["SELECT $1::int + 1 AS next"]


async def test_the_status_tells_how_many_rows_there_were(connect: Connect) -> None:
    async with connect() as connection:
        query = Query("SELECT generate_series(1, $1::int)", [3])
        assert await connection.status(query) == "SELECT 3"


async def test_a_limit_ends_the_rows(connect: Connect) -> None:
    async with connect() as connection:
        query = Query("SELECT generate_series(1, $1::int)", [3], limit=1)
        assert [row[0] for row in await connection.rows(query)] == [1]


@pytest.mark.parametrize(("behind_pooler", "is_sent"), [(False, True), (True, False)])
async def test_the_server_keeps_no_statement_that_is_sent_each_time(
    connect: Connect, behind_pooler: bool, is_sent: bool
) -> None:
    async with connect(behind_pooler=behind_pooler) as connection:
        for number in range(3):
            query = Query("SELECT $1::int + 1 AS next", [number], is_sent_each_time=is_sent)
            [row] = await connection.rows(query)
            assert row["next"] == number + 1
        assert await _prepared(connection) == []


async def test_a_statement_that_is_sent_each_time_is_planned_for_its_arguments(
    connect: Connect,
) -> None:
    explain = "EXPLAIN SELECT 1 FROM pg_class WHERE $1::int = 1"
    async with connect() as connection:
        plans = []
        for number in [1, 2] * 5:
            rows = await connection.rows(Query(explain, [number], is_sent_each_time=True))
            plans.append("\n".join(row[0] for row in rows))
        # The planner knows the value, so it decides the condition in advance.
        assert all("Filter" not in plan for plan in plans[::2])
        assert all("One-Time Filter: false" in plan for plan in plans[1::2])


async def test_statements_used_longest_ago_are_forgotten(connect: Connect) -> None:
    async with connect() as connection:
        for number in range(MAX_PREPARED + 20):
            await connection.rows(Query("SELECT 'often'"))
            await connection.rows(Query(f"SELECT {number}"))
        prepared = await _prepared(connection)
        assert len(prepared) <= MAX_PREPARED
        assert "SELECT 'often'" in prepared
        assert "SELECT 0" not in prepared


async def test_statements_stay_prepared_after_an_error(url: str, tenant: str) -> None:
    pool = Pool(url, PoolOptions(max_size=1))
    await pool.open()
    try:
        for number in (1, 0, 2):
            connection = await pool.acquire(tenant)
            with suppress(asyncpg.DivisionByZeroError):
                await connection.rows(Query("SELECT 1 / $1::int", [number]))
            names = await connection.driver.fetch(
                "SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT 1 / $1::int'"
            )
            assert len(names) == 1
            await pool.release(connection, had_error=number == 0)
    finally:
        await pool.close()


@pytest.mark.parametrize("is_sent_each_time", [False, True])
async def test_a_statement_that_a_migration_has_changed_is_prepared_again(
    connect: Connect, tenant: str, is_sent_each_time: bool
) -> None:
    table = f'"changing {tenant}"'
    query = Query(f"SELECT * FROM {table}", is_sent_each_time=is_sent_each_time)
    async with connect() as connection:
        await connection.script(f"CREATE TABLE {table} AS SELECT 1 AS number")
        try:
            assert [tuple(row) for row in await connection.rows(query)] == [(1,)]
            await connection.script(f"ALTER TABLE {table} ADD word text DEFAULT 'new'")
            assert [tuple(row) for row in await connection.rows(query)] == [(1, "new")]
            # In a transaction the error is raised: the caller has to repeat the transaction.
            await connection.script("BEGIN")
            await connection.script(f"ALTER TABLE {table} DROP word")
            with pytest.raises((asyncpg.InvalidCachedStatementError, ProtocolError)):
                await connection.rows(query)
            await connection.script("ROLLBACK")
            assert [tuple(row) for row in await connection.rows(query)] == [(1, "new")]
        finally:
            await connection.script(f"DROP TABLE {table}")


class SilentDriver:
    """A driver whose `prepare` waits for ever, as when the server does not answer."""

    async def prepare(self, *_: object, **__: object) -> None:
        await asyncio.Event().wait()


async def test_what_the_driver_does_before_it_prepares_counts_in_the_deadline() -> None:
    connection = Connection(cast("Driver", SilentDriver()))
    async with asyncio.timeout(PATIENCE_SECONDS) as patience:
        with pytest.raises(TimeoutError):
            await connection.rows(Query("SELECT 1"), Deadline.after(0))
        assert not patience.expired()
