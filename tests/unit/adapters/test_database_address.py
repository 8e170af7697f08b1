"""The address of a database, as operators read it, never has a password."""

import pytest

from customers.adapters.postgres.engine.address import DatabaseAddress


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        (
            "postgresql://app:hunter2@db.example:6543/shop",
            "PostgreSQL at db.example:6543, database shop, role app",
        ),
        ("postgresql://app@db/shop", "PostgreSQL at db:5432, database shop, role app"),
        ("postgresql://app:a%40b@[::1]:1/d", "PostgreSQL at [::1]:1, database d, role app"),
        ("postgresql://a%40b@db/my%20shop", "PostgreSQL at db:5432, database my shop, role a@b"),
        ("postgresql://app@db", "PostgreSQL at db:5432, database app, role app"),
        (
            "postgresql:///shop?host=/run/postgresql&user=app&password=hunter2",
            "PostgreSQL at /run/postgresql:5432, database shop, role app",
        ),
        (
            "postgresql://app:hunter2@one:1,two:2/shop",
            "PostgreSQL at one:1,two:2, database shop, role app",
        ),
    ],
)
def test_an_address_names_host_port_database_and_role(dsn: str, address: str) -> None:
    assert str(DatabaseAddress.of(dsn)) == address
