"""Every personal value is erased by an erasure, and exported unless it is computed from others.

The map of personal data says which columns those are; that it has all is in test_personal_map.
"""

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest
import pytest_asyncio
from aiohttp.payload import Payload
from sqlalchemy import Column, Text, bindparam, cast, func, select
from sqlalchemy import column as named
from sqlalchemy import table as any_table

from customers.adapters.postgres.engine.session import TENANT
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.types import metadata
from customers.core.errors import CustomerNotFound
from customers.core.model.personal_data import PERSONAL_DATA
from customers.core.model.search import END, PHONE
from customers.core.ports.storage import Storage
from customers.core.services.personal_data import PersonalData
from customers.entrypoints.http.personal_data_file import personal_data_response
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_personal_data import PersonalDataEncoder
from tests.support.builders import NOW, USD, FixedClock, an_id
from tests.support.personal_rows import Connection, UniqueValues, fill, personal


class ValuesOfColumns(UniqueValues):
    """Values that differ by column, except dates, numbers and flags."""

    def of(self, column: Column[Any]) -> object:
        text, kind = f"{column.table.name}.{column.name} {self.id}", column.type.python_type
        values = {str: text, list: [text], UUID: uuid5(self.id, text)}
        values[object] = json.dumps({"notes": text})
        return values.get(kind, self.values.get(kind))

    def text_of(self, column: Column[Any]) -> str:
        """The text by which the value of a column can be found in a document."""
        value = self.of(column)
        return str(value[0]) if isinstance(value, list) else str(value)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def tables_with(connection: Connection, value: object) -> set[str]:
    """All tables of the database that contain the value in any column."""
    tables = set()
    for row in await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    ):
        whole = cast(named(row["tablename"]), Text)
        rows = select(func.count()).select_from(any_table(row["tablename"]))
        rows_with_value = rows.where(func.strpos(whole, bindparam("value", type_=Text)) > 0)
        statement = Statement._of_clause(rows_with_value)  # of all tenants
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


@pytest.mark.asyncio(loop_scope="session")
async def test_every_personal_value_is_exported_and_none_after_the_erasure(
    storage: Storage, connection: Connection, tenant: str
) -> None:
    customer_id, values = an_id(), ValuesOfColumns()
    await fill(connection, tenant, customer_id, values)
    document = json.dumps(await export(storage, tenant, customer_id))
    missing = {
        str(column)
        for column in exported_columns()
        if column.type.python_type in (str, list, UUID) and values.text_of(column) not in document
    }
    assert missing == {"customer_payment_methods.gateway_payment_method_id"}, "that one is masked"
    assert f"customer_segment_pending_changes.before {values.id}" in document
    assert "1777-04-30" in document
    async with storage.transaction(tenant) as tx:
        customer = await tx.customers.get_any_for_update(customer_id)
        await tx.erasures.erase(customer.erased(NOW))
    assert await tables_with(connection, values.id) == set()
    with pytest.raises(CustomerNotFound):
        await export(storage, tenant, customer_id)


def exported_columns() -> list[Column[Any]]:
    """The personal columns with a field of the model; the others are computed from those."""
    fields = {name for record_map in PERSONAL_DATA.values() for name in record_map.personal}
    columns = (column for table in metadata.sorted_tables for column in personal(table))
    return [column for column in columns if column.name in fields]


async def export(storage: Storage, tenant: str, customer_id: UUID) -> object:
    """The document of a person's data, decoded."""
    encoder = PersonalDataEncoder(Encoder(USD))
    async with PersonalData(storage, FixedClock()).of(tenant, customer_id) as data:
        response = await personal_data_response(data, encoder)
    assert isinstance(response.body, Payload)
    return json.loads(response.body.decode())
