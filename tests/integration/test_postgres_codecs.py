"""Values that asyncpg's own codecs would change are read as they were written."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.codecs import set_codecs
from tests.support.builders import FIRST_MOMENT, LAST_MOMENT, NOW

pytestmark = pytest.mark.asyncio(loop_scope="session")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest_asyncio.fixture(loop_scope="session")
async def connection(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    await set_codecs(connection)
    yield connection
    await connection.close()


@pytest.mark.parametrize("number", ["0.1", "12345678901234567890.123456789", "-1E+30", "7"])
async def test_numbers_in_json_are_exact(connection: Connection, number: str) -> None:
    value = {"value": Decimal(number), "list": [Decimal(number), None, "é", True]}
    assert await connection.fetchval("SELECT $1::jsonb", value) == value
    kind = "SELECT jsonb_typeof($1::jsonb -> 'value')"
    assert await connection.fetchval(kind, value) == "number"


@pytest.mark.parametrize("moment", [FIRST_MOMENT, NOW.replace(microsecond=1), LAST_MOMENT])
async def test_the_first_and_last_moments_of_the_calendar_are_finite(
    connection: Connection, moment: datetime
) -> None:
    sql = "SELECT $1::timestamptz, isfinite($1::timestamptz), ARRAY(SELECT ROW($1::timestamptz))"
    assert tuple(await connection.fetchrow(sql, moment) or ()) == (moment, True, [(moment,)])
