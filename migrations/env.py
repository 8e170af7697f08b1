"""Runs alembic over the connection that the service passes, over a connection of its own for a
developer (`python -m alembic -x dsn=postgres://… upgrade head`), or without one when it only prints
the SQL (`--sql`).
"""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from customers.adapters.postgres.engine.connecting import for_asyncpg
from customers.adapters.postgres.schema.all_tables import METADATA


def print_sql() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    run()


def migrate(connection: Connection) -> None:
    # One transaction per revision: a concurrent index build leaves only that of its revision.
    context.configure(
        connection=connection, target_metadata=METADATA, transaction_per_migration=True
    )
    run()


def run() -> None:
    with context.begin_transaction():
        context.run_migrations()


async def migrate_on_own_connection() -> None:
    dsn = context.get_x_argument(as_dictionary=True).get("dsn")
    if not dsn:
        raise SystemExit("no database URL: python -m alembic -x dsn=postgres://… upgrade head")
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(for_asyncpg(dsn)),
        poolclass=NullPool,
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate)


if context.is_offline_mode():
    print_sql()
elif service_connection := context.config.attributes.get("connection"):
    migrate(service_connection)
else:
    asyncio.run(migrate_on_own_connection())
