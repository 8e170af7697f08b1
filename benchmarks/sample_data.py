"""Loads tenants with generated customers, by COPY; only their dates differ between loads.

Every field is derived from the customer's number. Orders appear only in the statistics, not in the
ledger. Every tenth customer has two addresses and five communications.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
from attrs import asdict, evolve
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from customers.adapters.postgres.customers.rows import CUSTOMERS
from customers.core.model.address import Address
from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.journal import Communication, CommunicationType, Direction
from customers.core.model.order import Statistics

COPY_SIZE = 5_000
EVERY_TENTH = 10
SECONDS_OF_THREE_YEARS = 94_608_000
COUNTRIES = "US DE FR AT IT ES NL PL".split()
# Twenty customers of every tenant with at least 10,000 customers have this country.
RARE_COUNTRY = "IS"
# The number of deleted customers, as a share of a tenant's other customers.
DELETED_SHARE = 0.02
# Searches that find twenty customers of a tenant with at least 10,000, all customers, and none.
RARE, COMMON, NOBODY = "zol", "buy", "qqq"
_RARE_UP_TO, _RARE_EVERY = 10_000, 500

_INSERT_COUNTS = """
INSERT INTO customer_counts (tenant_id, status, customer_type, slot, customers)
SELECT tenant_id, status, customer_type, 0, count(*) FROM customers
WHERE tenant_id = $1 AND deleted_at IS NULL GROUP BY tenant_id, status, customer_type
"""
_COUNT = "SELECT coalesce(sum(customers), 0) FROM customer_counts WHERE tenant_id = $1"
# The tables in which a customer is stored, with their columns; an older release has only the first.
_TABLES_OF_CUSTOMERS = {
    column.table.name: list(column.table.columns.keys()) for column in CUSTOMERS.columns
}
_DELETE = "DELETE FROM {} WHERE tenant_id = $1"


def customer_id(number: int) -> UUID:
    return UUID(int=(0x01900000_0000_7000_8000 << 48) + number)


def email(number: int) -> str:
    return f"buyer-{number}@example.test"


def name(number: int) -> tuple[str, str]:
    """The first and last name."""
    is_rare = number <= _RARE_UP_TO and number % _RARE_EVERY == 0
    return "Zoltan" if is_rare else f"First{number % 997}", f"Last{number % 9973}"


def phone(number: int) -> str:
    """A phone number; empty for every third customer."""
    return f"+1 ({200 + number % 700}) 555-{number % 9_973:04}" if number % 3 else ""


def spread_numbers(limit: int, size: int, *, step: int = 1) -> list[int]:
    """At most `limit` customer numbers, spread over a tenant, each a multiple of `step`."""
    places = size // step
    return [step * (1 + turn * 7919 % places) for turn in range(min(limit, places))]


async def load_tenants(dsn: str, sizes: Mapping[str, int]) -> None:
    """Loads the customers of each tenant unless they are already loaded, and shows progress.

    An incomplete tenant is loaded again from the start.
    """
    connection = await asyncpg.connect(dsn)
    try:
        missing = {
            tenant: size
            for tenant, size in sizes.items()
            if await connection.fetchval(_COUNT, tenant) < size
        }
        with _progress() as progress:
            loading = progress.add_task("Loading customers", total=sum(missing.values()))
            for tenant, size in missing.items():
                await _clear(connection, tenant)
                async for number in _load(dsn, tenant, size):
                    progress.advance(loading, number)
                await connection.execute(_INSERT_COUNTS, tenant, timeout=600)
        if missing:
            await connection.execute("VACUUM ANALYZE", timeout=1_800)
            await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


async def _clear(connection: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> None:
    tables = ("customer_addresses", "customer_communications", *reversed(_TABLES_OF_CUSTOMERS))
    for table in tables:
        await connection.execute(_DELETE.format(table), tenant, timeout=600)


async def _load(dsn: str, tenant: str, size: int) -> Any:
    """Loads a tenant over two connections, so that the server is never idle; yields the number of
    customers in each part.
    """
    parts = iter(range(1, size + 1, COPY_SIZE))
    loaded_numbers: asyncio.Queue[int] = asyncio.Queue()

    async def load() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for begin in parts:
                numbers = range(begin, min(begin + COPY_SIZE, size + 1))
                await _copy_all(connection, tenant, numbers)
                loaded_numbers.put_nowait(len(numbers))
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(load())
        loaded = 0
        while loaded < size:
            loaded += (number := await loaded_numbers.get())
            yield number


async def _copy_all(
    connection: "asyncpg.Connection[asyncpg.Record]", tenant: str, numbers: Sequence[int]
) -> None:
    tenths = [number for number in numbers if number % EVERY_TENTH == 0]
    rows = {
        **{name: _rows(name, tenant, numbers) for name in _TABLES_OF_CUSTOMERS},
        "customer_addresses": (asdict(address) for address in _addresses(tenant, tenths)),
        "customer_communications": (
            asdict(communication) for communication in _communications(tenant, tenths)
        ),
    }
    for table, values in rows.items():
        await _copy(connection, table, values)


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, rows: Iterable[dict[str, Any]]
) -> None:
    rows = iter(rows)
    for first in islice(rows, 1):
        records = [tuple(first.values()), *(tuple(row.values()) for row in rows)]
        await connection.copy_records_to_table(
            table, columns=list(first), records=records, timeout=600
        )


def _rows(name: str, tenant: str, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The rows of customers in one of their tables."""
    names = _TABLES_OF_CUSTOMERS[name]
    for customer in _customers(tenant, numbers):
        row = CUSTOMERS.write(customer)
        yield {name: row[name] for name in names if name in row}


def _customers(tenant: str, numbers: Iterable[int]) -> Iterator[Customer]:
    """The customers with these numbers, and some deleted customers, as DELETED_SHARE says."""
    for number in numbers:
        customer = _customer(tenant, number)
        yield customer
        if number % round(1 / DELETED_SHARE) == 0:
            id, address = UUID(int=(1 << 96) + number), f"deleted-{customer.email}"
            yield evolve(customer, id=id, email=address, deleted_at=customer.created_at)


def _customer(tenant: str, number: int) -> Customer:
    created = _THREE_YEARS_AGO + timedelta(seconds=number * 7907 % SECONDS_OF_THREE_YEARS)
    first_name, last_name = name(number)
    is_far = number <= _RARE_UP_TO and number % _RARE_EVERY == 1
    country = RARE_COUNTRY if is_far else COUNTRIES[number % 8]
    return Customer(
        id=customer_id(number),
        tenant_id=tenant,
        email=email(number),
        first_name=first_name,
        last_name=last_name,
        phone=phone(number),
        user_id=UUID(int=(1 << 100) + number) if number % 5 == 0 else None,
        status=_STATUS.get(number % 50, CustomerStatus.ACTIVE),
        customer_type=_TYPE.get(number % 20, CustomerType.RETAIL),
        statistics=_statistics(number, created),
        country=country,
        country_code=country,
        tags=_tags(number),
        marketing_opt_in=number % 3 == 0,
        email_verified=number % 4 == 0,
        created_at=created,
        updated_at=created,
    )


def _statistics(number: int, created: datetime) -> Statistics:
    orders = number % 41 // 4
    if not orders:
        return Statistics()
    spent = Decimal(orders * (number % 7919)) / 10
    first = created + timedelta(seconds=number % 86_311)
    return Statistics(
        total_orders=orders,
        total_spent=spent,
        average_order_value=round(spent / orders, 2),
        first_order_date=first,
        last_order_date=first + (_NOW - first) * (number % 6007) / 6007,
    )


def _tags(number: int) -> tuple[str, ...]:
    if number % 11 == 0:
        return ("vip",)
    return ("new", "loyal") if number % 13 == 0 else ()


def _addresses(tenant: str, numbers: Iterable[int]) -> Iterator[Address]:
    for number, place in ((number, place) for number in numbers for place in (1, 2)):
        yield Address(
            id=UUID(int=(place << 100) + number),
            customer_id=customer_id(number),
            tenant_id=tenant,
            is_default=place == 1,
            first_name=f"First{number % 997}",
            last_name=f"Last{number % 9973}",
            address_line1=f"{number % 199} Main Street",
            city="Springfield",
            postal_code=f"{number % 99_999:05}",
            country="US",
            created_at=_NOW,
            updated_at=_NOW,
        )


def _communications(tenant: str, numbers: Iterable[int]) -> Iterator[Communication]:
    for number, place in ((number, place) for number in numbers for place in range(5)):
        yield Communication(
            id=UUID(int=(place << 100) + number),
            customer_id=customer_id(number),
            tenant_id=tenant,
            communication_type=CommunicationType.EMAIL,
            direction=Direction.OUTBOUND,
            subject="Your order is on its way",
            content="It left our warehouse today and will be with you within three days.",
            created_at=_NOW + timedelta(minutes=place),
        )


def rules() -> list[list[dict[str, object]]]:
    """Fifty rules of two to four conditions; ten of the rules have a condition on an age."""
    return [_rule(number) for number in range(50)]


def _rule(number: int) -> list[dict[str, object]]:
    conditions: list[dict[str, object]] = [
        {"field": "total_spent", "operator": "gte", "value": 40 * number},
        {"field": "country_code", "operator": "eq", "value": COUNTRIES[number % 8]},
        {"field": "total_orders", "operator": "gte", "value": 1 + number % 7},
        {"field": "tags", "operator": "has_none", "value": ["nobody"]},
    ]
    chosen = conditions[: 2 + number % 3]
    if number % 5 == 0:
        chosen[1] = {
            "field": ("days_since_last_order", "days_since_created")[number % 2],
            "operator": ("gt", "lte")[number % 3 == 0],
            "value": 10 + 7 * number,
        }
    return chosen


_NOW = datetime.now(UTC)
_THREE_YEARS_AGO = _NOW - timedelta(seconds=SECONDS_OF_THREE_YEARS)
_STATUS = {0: CustomerStatus.BLOCKED, 1: CustomerStatus.INACTIVE}
_TYPE = {0: CustomerType.VIP, 1: CustomerType.WHOLESALE, 2: CustomerType.WHOLESALE}
