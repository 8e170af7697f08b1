"""The schema can be distributed by tenant, as the catalogue of a real server shows.

A distributed PostgreSQL (Citus) requires that every unique index, foreign key and target of ON
CONFLICT contains the column by which rows are distributed.
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
# One row each, for the whole database, stored on the coordinator. See docs/scale.md.
NOT_DISTRIBUTED = {"alembic_version", "deployment", "deployment_secrets", "sweeper"}

# A caller with an API key or the token of a mail names no tenant: every machine is asked.
OF_EVERY_TENANT = {"customer_api_keys_id", "customer_email_verifications_token"}

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
async def test_every_table_but_the_coordinators_has_the_key(url: str) -> None:
    tables = await rows(url, _TABLES, KEY)
    assert {table["name"] for table in tables if not table["has_key"]} == NOT_DISTRIBUTED
    assert len(tables) > 15


@on_the_session_loop
async def test_every_index_begins_with_the_key(url: str) -> None:
    """A unique index must begin with the key, another one contain it; two look-ups need neither."""
    indexes = await rows(url, _INDEXES, sorted(NOT_DISTRIBUTED))
    without = {
        index["name"]
        for index in indexes
        if index["columns"][0] != KEY and (index["is_unique"] or KEY not in index["columns"])
    }
    assert without == OF_EVERY_TENANT
    assert not [
        index["name"] for index in indexes if index["is_unique"] and index["name"] in without
    ]
    assert sum(index["is_unique"] for index in indexes) > 15


@on_the_session_loop
async def test_every_foreign_key_stays_within_a_tenant(url: str) -> None:
    keys = await rows(url, _FOREIGN_KEYS)
    assert [key["name"] for key in keys if f"{KEY} = {KEY}" not in key["pairs"]] == []
    assert len(keys) >= 10


def test_every_target_of_on_conflict_contains_the_key() -> None:
    """Without a target, every unique index is meant."""
    targets = [target for sql in _statements() for target in _CONFLICT.findall(sql)]
    wrong = {
        table
        for table, target in targets
        if target and table not in NOT_DISTRIBUTED and KEY not in re.findall(r"\w+", target)
    }
    assert wrong == set()
    assert len({table for table, _ in targets}) > 8


def _statements() -> Iterator[str]:
    """The SQL of every statement that is a constant of a module of the adapter."""
    for module in walk_packages(postgres.__path__, f"{postgres.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Statement):
                yield value.sql
