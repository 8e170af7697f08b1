"""Writes the receipts of all erasures to a file, to be kept outside of the database.

Each receipt is a line: `{"tenantId": …, "customerId": …, "erasedAt": …}`. The file names nobody:
tenants and ids are not personal data once the customer is erased.
"""

import json
import os
from datetime import UTC
from pathlib import Path

import asyncpg
from sqlalchemy import select

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.migrate import Connection, connected
from customers.adapters.postgres.engine.requirements import current_revision
from customers.adapters.postgres.engine.revisions import needed
from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.programs.private_file import check_target, move, partial_file
from customers.adapters.postgres.schema.tables import customer_erasures

_FETCH_SIZE = 1_000


class CannotExport(Exception):
    """The receipts cannot be exported; the message says why, and what to do."""


async def export_erasures(dsn: str, file: Path, *, force: bool) -> int:
    """Writes the file, which appears when it is complete; returns the number of receipts.

    A file that exists is only replaced with `force`. Raises CannotExport, CannotWriteFile and
    Unavailable.
    """
    check_target(file, force=force)
    async with connected(dsn) as connection:
        if (await current_revision(connection) or "") < needed():
            place = DatabaseAddress.of(dsn)
            raise CannotExport(f"{place}: the schema is too old: run `customers migrate` first")
        with partial_file(file) as partial:
            number = await _write(connection, partial)
            move(partial, file, force=force)
    return number


async def _write(connection: Connection, file: Path) -> int:
    number = 0
    with file.open("w", encoding="utf-8") as lines:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for row in connection.cursor(_ALL.sql, prefetch=_FETCH_SIZE):
                lines.write(f"{json.dumps(_line(row), ensure_ascii=False)}\n")
                number += 1
        lines.flush()
        os.fsync(lines.fileno())
    return number


def _line(row: asyncpg.Record) -> dict[str, str]:
    moment = row["erased_at"].astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {
        "tenantId": row["tenant_id"],
        "customerId": str(row["customer_id"]),
        "erasedAt": moment,
    }


_ALL = Statement.across_tenants(
    "erasures to export",
    select(
        customer_erasures.c.tenant_id,
        customer_erasures.c.customer_id,
        customer_erasures.c.erased_at,
    ).order_by(customer_erasures.c.tenant_id, customer_erasures.c.customer_id),
)
