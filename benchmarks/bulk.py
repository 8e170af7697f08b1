"""How many customers a second a bulk upsert stores, beside single requests and a bare COPY.

    python -m benchmarks.bulk [--customers 10000] [--rounds 3] [--folder FOLDER]

The same customers, each time for a new tenant, on one database: by POST one after another and over
16 connections, by one bulk upsert (new, again, and with a change of each), and by COPY into the
tables of customers and of statistics, without the service. The stall is the longest wait of another
caller for `/live` during a bulk upsert; the memory is what the process has grown by.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import click
from aiohttp import ClientSession

from benchmarks.processes import production_environment, service
from benchmarks.sample_data import email, name, phone
from benchmarks.segment_walls import Maximum, beside, live_probe
from customers.adapters.ids import TimeOrderedIds
from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.adapters.postgres.engine.codecs import set_codecs
from customers.core.model.customer import Customer, CustomerDetails
from customers.devtools.server import running
from customers.entrypoints.container.database import migrate

PATH = "/api/v1/customers"
CONNECTIONS = 16
# POST one after another takes too long for all of them.
SINGLE = 1_000
TABLES = tuple(dict.fromkeys(column.table for column in CUSTOMERS.columns))

Row = dict[str, Any]
Work = Callable[[], Awaitable[None]]


def row_of(number: int) -> Row:
    first, last = name(number)
    return {
        "email": email(number),
        "firstName": first,
        "lastName": last,
        "phone": phone(number),
        "country": "Germany",
        "countryCode": "DE",
        "tags": ["vip", "b2b"],
        "notes": "imported from the shop",
        "marketingOptIn": bool(number % 2),
    }


async def rate(number: int, work: Work) -> float:
    """How many of the customers are stored in a second."""
    start = time.perf_counter()
    await work()
    return number / (time.perf_counter() - start)


def a_tenant() -> str:
    return f"bench-bulk-{uuid4()}"


async def post_each(http: ClientSession, rows: Sequence[Row], connections: int) -> None:
    headers, waiting = {"X-Tenant-ID": a_tenant()}, list(rows)

    async def post() -> None:
        while waiting:
            async with http.post(PATH, json=waiting.pop(), headers=headers) as answer:
                await answer.read()
                if answer.status != 201:
                    raise click.ClickException(f"POST answered {answer.status}")

    await asyncio.gather(*(post() for _ in range(connections)))


async def bulk(http: ClientSession, tenant: str, rows: Sequence[Row], expected: str) -> None:
    headers = {"X-Tenant-ID": tenant, "Content-Type": "application/x-ndjson"}
    body = b"\n".join(json.dumps(row).encode() for row in rows)
    async with http.post(f"{PATH}/bulk-upsert", data=body, headers=headers) as answer:
        found = await answer.json()
        if answer.status != 200 or found[expected] != len(rows):
            raise click.ClickException(f"a bulk upsert answered {answer.status}: {found}")


async def copy(database: Any, rows: Sequence[Row]) -> float:
    """The rate of COPY, with all values computed before."""
    tenant, ids, now = a_tenant(), TimeOrderedIds(), datetime.now(UTC)
    values = []
    for row in rows:
        details = CustomerDetails(
            email=row["email"],
            first_name=row["firstName"],
            last_name=row["lastName"],
            phone=row["phone"],
            country=row["country"],
            country_code=row["countryCode"],
            tags=tuple(row["tags"]),
            notes=row["notes"],
            marketing_opt_in=row["marketingOptIn"],
        )
        customer = Customer.new(details, id=ids.new(), tenant_id=tenant, now=now)
        values.append(CUSTOMERS.write(customer))

    async def copy_all() -> None:
        async with database.transaction():
            for table in TABLES:
                names = list(table.columns.keys())
                records = [tuple(row[column] for column in names) for row in values]
                await database.copy_records_to_table(table.name, records=records, columns=names)

    return await rate(len(rows), copy_all)


def _works(http: ClientSession, rows: Sequence[Row]) -> dict[str, tuple[int, Work]]:
    """What stores customers, each with their number; the bulk upserts are of one tenant."""
    tenant, number = a_tenant(), len(rows)
    changed = [{**row, "notes": "imported again"} for row in rows]
    return {
        "POST, one after another": (SINGLE, lambda: post_each(http, rows[:SINGLE], 1)),
        "POST, 16 at once": (SINGLE, lambda: post_each(http, rows[:SINGLE], CONNECTIONS)),
        "bulk upsert, new": (number, lambda: bulk(http, tenant, rows, "created")),
        "bulk upsert, again": (number, lambda: bulk(http, tenant, rows, "unchanged")),
        "bulk upsert, changed": (number, lambda: bulk(http, tenant, changed, "updated")),
    }


async def measure(dsn: str, number: int, rounds: int) -> None:
    rows = [row_of(each) for each in range(1, number + 1)]
    database = await asyncpg.connect(dsn)
    await set_codecs(database)
    rates: dict[str, list[float]] = {}
    stall = Maximum()
    async with (
        service(production_environment(dsn)) as server,
        ClientSession(server.http) as http,
        ClientSession(server.http) as probing,
    ):
        memory = server.resident_bytes
        for _ in range(rounds):
            for name, (size, work) in _works(http, rows).items():
                rates.setdefault(name, []).append(await rate(size, work))
            rates.setdefault("bare COPY", []).append(await copy(database, rows))
        async with beside(live_probe(probing, stall)):
            await bulk(http, a_tenant(), rows, "created")
        grown = server.resident_bytes - memory
    await database.close()
    for name, found in rates.items():
        click.echo(f"{name:<26}{statistics.median(found):10,.0f} customers/s")
    click.echo(f"{'longest stall':<26}{stall.value * 1e3:10,.0f} ms")
    click.echo(f"{'memory':<26}{grown / 1e6:10,.0f} MB more")


@click.command()
@click.option("--customers", "number", default=10_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Of the embedded PostgreSQL.")
def main(number: int, rounds: int, folder: Path | None) -> None:
    """Prints the medians of all rounds."""

    async def run(path: Path) -> None:
        async with running(path) as dsn:
            await migrate(dsn)
            await measure(dsn, number, rounds)

    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(run(folder or Path(temporary)))


if __name__ == "__main__":
    main()
