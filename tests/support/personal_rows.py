"""Rows for a customer in nearly all tables, with unique values in personal columns."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import Column, Table, insert

from customers.adapters.postgres.engine.session import parameters
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.schema.personal_columns import is_personal
from customers.adapters.postgres.schema.types import metadata
from tests.support.builders import NOW

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The tables without a tenant, and the one that only an erasure writes.
NOT_FILLED = {"customer_erasures", "deployment", "deployment_secrets", "sweeper"}
ENUM_VALUES = {
    "status": "ACTIVE",
    "customer_type": "RETAIL",
    "cause": "customer",
    "address_type": "BOTH",
    "payment_type": "card",
    "communication_type": "email",
    "direction": "inbound",
}
OF_COMMUNICATIONS = {"status": "sent"}


class UniqueValues:
    """A value for each type of a personal column; ids, texts and dates are nowhere else."""

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


def personal(table: Table) -> list[Column[Any]]:
    return list(filter(is_personal, table.columns))


async def fill(
    connection: Connection, tenant: str, customer_id: UUID, values: UniqueValues
) -> None:
    """Adds a row for the customer to every table except NOT_FILLED, with `values` in personal
    columns.
    """
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
            row |= OF_COMMUNICATIONS if table.name == "customer_communications" else {}
            row |= {column.name: values.of(column) for column in personal(table)}
            statement = Statement.of(insert(table).values(parameters(table)))
            arguments = statement.arguments(row | {"tenant_id": tenant})
            await connection.execute(statement.sql, *arguments)
