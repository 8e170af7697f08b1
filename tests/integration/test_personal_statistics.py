"""The server keeps no statistics of personal columns, except the three that plans need."""

import pytest
from sqlalchemy import Column, Integer

from customers.adapters.postgres.schema.personal_data import (
    PLANNED_BY_STATISTICS,
    columns_without_statistics,
    expressions_without_statistics,
    personal_indexes,
)
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import metadata
from tests.support.databases import rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = metadata.sorted_tables
WITHOUT_STATISTICS = """
SELECT c.relname, a.attname, a.attnum, c.relkind FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
AND a.attstattarget = 0
"""


async def test_the_server_keeps_no_statistics_of_personal_columns(url: str) -> None:
    without = await rows(url, WITHOUT_STATISTICS)
    columns = {(one["relname"], one["attname"]) for one in without if one["relkind"] == b"r"}
    assert columns == {(one.table.name, one.name) for one in columns_without_statistics(TABLES)}


async def test_the_server_keeps_no_statistics_of_expressions_of_them(url: str) -> None:
    without = await rows(url, WITHOUT_STATISTICS)
    expressions = {(one["relname"], one["attnum"]) for one in without if one["relkind"] == b"i"}
    expected = {(one.index, one.place) for one in expressions_without_statistics(TABLES)}
    assert expressions == expected
    assert expected


async def test_every_other_expression_of_an_index_is_a_flag_or_holds_nothing_personal() -> None:
    without = {(one.index, one.place) for one in expressions_without_statistics(TABLES)}
    types = [
        part.type
        for name in personal_indexes(customers)
        for index in customers.indexes
        if index.name == name
        for place, part in enumerate(index.expressions, start=1)
        if not isinstance(part, (Column, str)) and (name, place) not in without
    ]
    assert [type(kind) for kind in types] == [Integer] * 3


async def test_statistics_are_kept_of_the_columns_that_decide_how_a_list_is_read() -> None:
    assert [one.name for one in PLANNED_BY_STATISTICS] == [
        "search_text",
        "tags_folded",
        "country_code",
    ]
