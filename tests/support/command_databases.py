"""Databases and roles for tests of commands, which run outside of an event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from tests.support.databases import rows


def sql(url: str, *statements: str) -> None:
    for statement in statements:
        asyncio.run(rows(url, statement))


@contextmanager
def a_database(server: str, options: str = "") -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    sql(server, f"CREATE DATABASE {name} {options}")
    try:
        yield with_path(server, name)
    finally:
        sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def a_role(database: str, *grants: str, options: str = "") -> Iterator[str]:
    """The URL of the database for a new role; `{role}` in a grant is its name."""
    role = f"role_{uuid4().hex}"
    sql(database, f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2' {options}")
    try:
        sql(database, *(grant.format(role=role) for grant in grants))
        url = urlsplit(database)
        location = url.netloc.rpartition("@")[2]
        yield url._replace(netloc=f"{role}:hunter2@{location}").geturl()
    finally:
        sql(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def with_path(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
