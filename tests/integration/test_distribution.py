"""The schema can be distributed by tenant as it stands: read off the catalogue of a real server.

What a distributed PostgreSQL (Citus) asks for is that every unique index, foreign key and target of
ON CONFLICT holds the column by which rows are distributed.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest

from customers.adapters import postgres
from customers.adapters.postgres.engine.statements import Statement
from tests.support.databases import rows

on_the_session_loop = pytest.mark.asyncio(loop_scope="session")

KEY = "tenant_id"
# One row each, for the whole database: kept by the coordinator. See docs/scale.md.
NOT_DISTRIBUTED = {"alembic_version", "deployment", "sweeper"}

_TABLES = """
SELECT c.relname AS name, a.attnotnull IS TRUE AS has_key
FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $1
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""
_INDEXES = """
SELECT c.relname AS of, i.relname AS name, x.indisunique AS is_unique, ARRAY(
    SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k (number, place)
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number ORDER BY place
) AS columns
FROM pg_index AS x
JOIN pg_class AS c ON c.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL ($1)
"""
_FOREIGN_KEYS = """
SELECT o.conname AS name, ARRAY(
    SELECT a.attname || ' = ' || b.attname
    FROM unnest(o.conkey, o.confkey) AS k (here, there)
    JOIN pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = k.here
    JOIN pg_attribute AS b ON b.attrelid = o.confrelid AND b.attnum = k.there
) AS pairs
FROM pg_constraint AS o WHERE o.contype = 'f' AND o.connamespace = 'public'::regnamespace
"""
_CONFLICT = re.compile(
    r"INSERT INTO (\w+) (?:(?!INSERT INTO).)*?ON CONFLICT( \([^)]*\))?", re.DOTALL
)


@on_the_session_loop
async def test_every_table_but_those_of_the_coordinator_has_the_key(url: str) -> None:
    tables = await rows(url, _TABLES, KEY)
    assert {each["name"] for each in tables if not each["has_key"]} == NOT_DISTRIBUTED
    assert len(tables) > 15


@on_the_session_loop
async def test_every_index_begins_with_the_key(url: str) -> None:
    """Those that are unique must hold it; of the others a tenant reads a part."""
    indexes = await rows(url, _INDEXES, sorted(NOT_DISTRIBUTED))
    without = {
        each["name"]
        for each in indexes
        if each["columns"][0] != KEY and (each["is_unique"] or KEY not in each["columns"])
    }
    assert without == set()
    assert sum(each["is_unique"] for each in indexes) > 15


@on_the_session_loop
async def test_every_foreign_key_stays_within_a_tenant(url: str) -> None:
    keys = await rows(url, _FOREIGN_KEYS)
    assert [each["name"] for each in keys if f"{KEY} = {KEY}" not in each["pairs"]] == []
    assert len(keys) >= 10


def test_every_target_of_on_conflict_holds_the_key() -> None:
    targets = [found for sql in _statements() for found in _CONFLICT.findall(sql)]
    wrong = {
        table
        for table, target in targets
        if table not in NOT_DISTRIBUTED and KEY not in re.findall(r"\w+", target)
    }
    assert wrong == set()
    assert len({table for table, _ in targets}) > 8


def _statements() -> Iterator[str]:
    """The SQL of every statement that a module of the adapter keeps."""
    for module in walk_packages(postgres.__path__, f"{postgres.__name__}."):
        for kept in vars(import_module(module.name)).values():
            if isinstance(kept, Statement):
                yield kept.sql
