"""Random filters, sorts and cursors: memory and PostgreSQL answer with the same bytes, and a list
walked by cursor is the list by pages, with the stated total.

LIST_COMBINATIONS sets how many combinations are tried; see CONTRIBUTING.md.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.customers import narrow_pages, pages, rows
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.query import SortField
from tests.support.api_client import Api, serving
from tests.support.api_steps import REASON, a_customer, an_order
from tests.support.builders import A_SECRETS_KEY, USD, SequentialIds, a_tenant

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = 10
COMBINATIONS = int(os.environ.get("LIST_COMBINATIONS", "300")) // SEEDS
CUSTOMERS = 60
FIRST = ("Ada", "Jürgen", "İpek", "Søren", "Mary Ann", "100%", "Zoë")
LAST = ("Müller", "Smith", "Y\u0131lmaz", "", "Ada", "O'Neill", "Wiśniewski")
PHONES = ("", "+49 170 1234567", "0170 1234567", "(415) 555-2671", "+1 415 555 2671", "12345")
COUNTRIES = ("", "DE", "FR", "US")
TAGS = ("vip", "new", "Straße")
ORDER_DAYS = [f"2026-01-{day:02}" for day in range(1, 10)]
# Customers are registered and changed from the 15th on.
DAYS = [f"2026-01-{day}" for day in range(14, 19)]
CHANGES, ENDS = ("created", "updated"), ("from", "to")
SEARCHES = (
    *("ada", "muller", "MÜLLER", "smith ada", "ipek", "soren", "ann mary", "%", "zoe", "nobody"),
    *("0170 1234567", "+491701234567", "415.555", "12345", "1234", "+14155552671", "a", "e s"),
    *("person-7@", "person-7 shop@example", "@example.test", "o-3", "#O-12", "no-8", "\u0301"),
)


class Shop:
    """The same customers in two services, and random queries of lists."""

    def __init__(self, memory: Api, postgres: Api, random: Random) -> None:
        self._services = (memory, postgres)
        self._random = random
        self._segments: list[str] = []

    async def fill(self) -> None:
        people = [self._person(number) for number in range(CUSTOMERS)]
        fates = self._random.choices(("stay", "delete", "erase", "lock"), (8, 3, 1, 2), k=CUSTOMERS)
        orders = [self._random.choice((0, 0, 1, 2, 3)) for _ in people]
        days = [self._random.choice(ORDER_DAYS) for _ in range(3 * CUSTOMERS)]
        for api in self._services:
            ids = [
                await self._customer(api, *pair, days)
                for pair in enumerate(zip(people, orders, strict=True))
            ]
            self._segments = [await self._segment(api, ids[::3]), await self._german(api)]
            for id, fate in zip(ids, fates, strict=True):
                await self._end(api, id, fate)

    async def ask(self, path: str) -> dict[str, Any]:
        """The answer, which must be a success and the same from both services."""
        memory, postgres = [await api.get(path) for api in self._services]
        assert (memory.status, memory.raw) == (postgres.status, postgres.raw), path
        assert memory.status == 200, (path, memory)
        return dict(memory.body)

    def query(self) -> str:
        """The path of a random list, without page and cursor."""
        random = self._random
        filters: dict[str, str] = {
            "search": random.choice(SEARCHES),
            "status": random.choice(("active", "BLOCKED", "active,INACTIVE")),
            "customer_type": random.choice(("vip", "RETAIL,WHOLESALE")),
            "tags": random.choice(("vip", "vip,new", "STRASSE")),
            "country_code": random.choice(("de", "DE,FR", "us")),
            "email": f"person-{random.randrange(9)}@example.test",
            "marketing_opt_in": random.choice(("true", "false")),
            "email_verified": random.choice(("true", "false")),
            "has_account": random.choice(("true", "false")),
            "deleted": random.choice(("only", "include", "include", "exclude")),
            "min_total_orders": str(random.randrange(3)),
            "max_total_orders": str(random.randrange(3)),
            "min_total_spent": str(random.randrange(40)),
            "max_total_spent": str(random.randrange(60)),
            **{f"{name}_{end}": random.choice(DAYS) for name in CHANGES for end in ENDS},
            **{f"last_order_{end}": random.choice(ORDER_DAYS) for end in ENDS},
        }
        chosen = random.sample(sorted(filters), random.choice((0, 1, 1, 2, 2, 3, 4)))
        query = {name: filters[name] for name in chosen}
        query["sort_by"] = random.choice((*SortField, *[SortField.CREATED_AT] * 3))
        query["sort_order"] = random.choice(("asc", "desc"))
        query["page_size"] = str(random.choice((3, 7, 20, 100)))
        place = random.choice(("", "", "list", "members"))
        segment = random.choice(self._segments)
        if place == "list":
            query["segment_id"] = segment
        path = f"/customers/segments/{segment}/customers" if place == "members" else "/customers"
        return f"{path}?{urlencode(query)}"

    def _person(self, number: int) -> dict[str, Any]:
        random = self._random
        return {
            "email": f"person-{number}{random.choice(('', '+shop'))}@example.test",
            "firstName": random.choice(FIRST),
            "lastName": random.choice(LAST),
            "phone": random.choice(PHONES),
            "countryCode": random.choice(COUNTRIES),
            "tags": random.sample(TAGS, random.randrange(3)),
            "marketingOptIn": random.random() < 0.5,
            "customerType": random.choice(("RETAIL", "VIP", "WHOLESALE")),
            "userId": f"0190b2f0-0000-7000-8000-{number:012}" if random.random() < 0.5 else None,
        }

    async def _customer(
        self, api: Api, number: int, person: tuple[dict[str, Any], int], days: list[str]
    ) -> str:
        fields, orders = person
        id = (await a_customer(api, **fields))["id"]
        for order in range(orders):
            place = 3 * number + order
            await an_order(
                api,
                f"/customers/{id}",
                f"o-{place}",
                10 + place % 7,
                orderDate=f"{days[place]}T12:00:00Z",
                orderNumber=f"NO-{place}",
            )
        api.clock.forward(seconds=3_600 * (number % 3))
        return str(id)

    async def _segment(self, api: Api, ids: list[str]) -> str:
        segment = (await api.post("/customers/segments", {"name": "Some"})).body["id"]
        await api.post(f"/customers/segments/{segment}/customers", {"customerIds": ids})
        return str(segment)

    async def _german(self, api: Api) -> str:
        rules = [{"field": "country_code", "operator": "equals", "value": "DE"}]
        body = {"name": "German", "rules": rules}
        return str((await api.post("/customers/segments", body)).body["id"])

    async def _end(self, api: Api, id: str, fate: str) -> None:
        if fate == "lock":
            await api.post(f"/customers/{id}/lock", REASON)
        elif fate != "stay":
            await api.delete(f"/customers/{id}" + ("?mode=erase" if fate == "erase" else ""))


@pytest.fixture(autouse=True)
def few_rows_are_many(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Pages are deep, and ranges are wide, with few customers. Odd seeds join both tables, as in a
    large tenant; the others look up statistics.
    """
    if seed % 2:
        monkeypatch.setattr(rows, "FEW", 0)
    monkeypatch.setattr(pages, "DEEP", 1)
    monkeypatch.setattr(narrow_pages, "MAX_CUSTOMERS", CUSTOMERS // 4)
    monkeypatch.setattr(narrow_pages, "MAX_WALKED", CUSTOMERS // 3)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(storage: PostgresStorage, seed: int) -> AsyncIterator[Shop]:
    tenant = a_tenant()
    async with AsyncExitStack() as stack:
        memory, postgres = [
            await stack.enter_async_context(
                serving(backend, tenant=tenant, ids=SequentialIds(), secrets_key=A_SECRETS_KEY)
            )
            for backend in (MemoryStorage(currency=USD), storage)
        ]
        shop = Shop(memory, postgres, Random(seed))
        await shop.fill()
        yield shop


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_lists_are_alike_on_both_storages_by_page_and_by_cursor(shop: Shop) -> None:
    not_empty = 0
    for _ in range(COMBINATIONS):
        path = shop.query()
        walked, paged = await _walk(shop, path), await _pages(shop, path)
        assert walked == paged, path
        not_empty += bool(paged)
    assert not_empty > COMBINATIONS // 5


async def _walk(shop: Shop, path: str) -> list[Any]:
    customers: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        body = await shop.ask(f"{path}&cursor={cursor}")
        customers += body["customers"]
        cursor = body["nextCursor"]
    return customers


async def _pages(shop: Shop, path: str) -> list[Any]:
    customers: list[Any] = []
    page, pages, total = 1, 1, 0
    while page <= pages:
        body = await shop.ask(f"{path}&page={page}")
        customers += body["customers"]
        pages, total = body["totalPages"], body["total"]
        page += 1
    assert len(customers) == total, path
    return customers
