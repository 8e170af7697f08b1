"""Erasure empties every column that can hold a personal value, future columns included.

The test of a new column fails until the column is declared personal in the tables and emptied by
erasure, or listed below among the columns that hold nothing personal.
"""

import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Column, Table, Text, bindparam, cast, func, insert, select
from sqlalchemy import column as named
from sqlalchemy import table as any_table

from customers.adapters.postgres.engine.session import TENANT, parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.types import metadata
from customers.core.model.search import END, PHONE
from customers.core.ports.storage import Storage
from tests.support.builders import NOW, an_id

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NOT_PERSONAL = {
    "customers": "tenant_id id status customer_type total_orders total_spent average_order_value "
    "first_order_date last_order_date locked_at unlocked_at created_at updated_at version "
    "deleted_at erased_at",
    "customer_counts": "tenant_id status customer_type slot customers",
    "customer_addresses": "tenant_id id customer_id address_type is_default created_at updated_at",
    "customer_payment_methods": "tenant_id id customer_id payment_type is_default is_active "
    "is_released created_at updated_at",
    "customer_notes": "tenant_id id customer_id created_at updated_at",
    "customer_communications": "tenant_id id customer_id communication_type direction status "
    "created_at",
    "customer_email_verifications": "tenant_id customer_id token_hash address_hash sent_at "
    "expires_at used_at",
    "customer_segments": "tenant_id id name name_key description rule rules_text is_dynamic "
    "is_active created_at updated_at",
    "customer_segment_assignments": "tenant_id segment_id customer_id assigned_at",
    "customer_segment_tenants": "tenant_id changes captures_customers captures_orders",
    "customer_segment_refresh_states": "tenant_id segment_id member_count watermark target cursor "
    "scanned cause barrier_at",
    "customer_segment_members": "tenant_id customer_id segment_id created_at",
    "customer_segment_pending_changes": "tenant_id customer_id number at cause",
    "customer_segment_changes": "tenant_id segment_id sequence customer_id entered at cause",
    "sweeper": "only holder until",
    "customer_orders": "tenant_id order_id customer_id total_amount order_date order_date_stated "
    "refunds_total cancelled_at recorded_at",
    "customer_refunds": "tenant_id order_id refund_id amount refunded_at recorded_at",
    "customer_erasures": "tenant_id customer_id erased_at counts maintained_at",
    "deployment": "only currency",
    "deployment_secrets": "name secret",
}
# The tables that no use case writes before an erasure.
NOT_FILLED = {"customer_erasures", "deployment", "deployment_secrets", "sweeper"}
ENUM_VALUES = {"status": "ACTIVE", "customer_type": "RETAIL", "cause": "customer"}


class UniqueValues:
    """Values that are nowhere else in the database, one for each type of a personal column."""

    def __init__(self) -> None:
        self.id = uuid4()
        self.text = f"text of {self.id}"
        self.values: dict[type, Any] = {
            str: self.text,
            list: [self.text],
            UUID: self.id,
            date: date(1777, 4, 30),
            bool: True,
            int: 12,
            object: json.dumps({"notes": self.text}),
        }

    def of(self, column: Column[Any]) -> object:
        return self.values[column.type.python_type]


@pytest_asyncio.fixture(loop_scope="session")
async def connection(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


def personal(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.info.get("personal")]


async def fill(
    connection: Connection, tenant: str, customer_id: UUID, values: UniqueValues
) -> None:
    """Adds a row of the customer to every table, with the unique values in personal columns."""
    plain: dict[type, Any] = {
        str: "plain",
        list: [],
        UUID: customer_id,
        type(NOW): NOW,
        Decimal: Decimal(1),
        bool: False,
        int: 1,
    }
    for table in metadata.sorted_tables:
        if table.name not in NOT_FILLED:
            row = {
                column.name: None if column.nullable else plain[column.type.python_type]
                for column in table.columns
            }
            row |= {name: kind for name, kind in ENUM_VALUES.items() if name in row}
            row |= {column.name: values.of(column) for column in personal(table)}
            statement = Statement.of(insert(table).values(parameters(table)))
            arguments = statement.arguments(row | {"tenant_id": tenant})
            await connection.execute(statement.sql, *arguments)


async def tables_with(connection: Connection, value: object) -> set[str]:
    """All tables of the database that contain the value in any column."""
    tables = set()
    for row in await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    ):
        whole = cast(named(row["tablename"]), Text)
        rows = select(func.count()).select_from(any_table(row["tablename"]))
        statement = Statement.of(rows.where(func.strpos(whole, bindparam("value", type_=Text)) > 0))
        if await connection.fetchval(statement.sql, *statement.arguments({"value": str(value)})):
            tables.add(row["tablename"])
    return tables


def is_empty(value: object) -> bool:
    return not value or not str(value).strip(f"\n{PHONE}{END}")


async def personal_values(connection: Connection, tenant: str) -> list[tuple[str, str, object]]:
    """The personal values of the tenant that are not empty, with their tables and columns."""
    values = []
    for table in filter(personal, metadata.sorted_tables):
        statement = Statement.of(select(*personal(table)).where(table.c.tenant_id == TENANT))
        arguments = statement.arguments({"tenant_id": tenant})
        for row in await connection.fetch(statement.sql, *arguments):
            values += [
                (table.name, name, value) for name, value in row.items() if not is_empty(value)
            ]
    return values


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_is_declared_personal_or_listed_as_not_personal(table: Table) -> None:
    others = {column.name for column in table.columns if column not in personal(table)}
    assert others == set(NOT_PERSONAL[table.name].split())


@pytest.mark.asyncio(loop_scope="session")
async def test_erasure_leaves_no_personal_value_in_any_table(
    storage: Storage, connection: Connection, tenant: str
) -> None:
    customer_id, values = an_id(), UniqueValues()
    await fill(connection, tenant, customer_id, values)
    declared = [
        (table.name, column.name) for table in metadata.sorted_tables for column in personal(table)
    ]
    assert [
        (table, name) for table, name, _ in await personal_values(connection, tenant)
    ] == declared
    tables = await tables_with(connection, values.text) | await tables_with(connection, values.id)
    assert tables == {table for table, _ in declared}
    async with storage.transaction(tenant) as tx:
        customer = await tx.customers.get_any_for_update(customer_id)
        await tx.erasures.erase(customer.erased(NOW))
    assert await personal_values(connection, tenant) == []
    for value in (values.id, values.text, values.values[date]):
        assert await tables_with(connection, value) == set()
