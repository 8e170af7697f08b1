"""Closing the memory storage: what it waits for, and what fails afterwards."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors.availability import Unavailable
from tests.support.builders import USD, a_customer, an_id

Use = Callable[[MemoryStorage], Awaitable[object]]


async def test_closing_waits_for_the_transactions_that_have_begun() -> None:
    storage = MemoryStorage(currency=USD)
    go_on = asyncio.Event()
    events: list[str] = []

    async def write(name: str) -> None:
        async with storage.transaction("tenant") as tx:
            await go_on.wait()
            await tx.customers.add(a_customer())
            events.append(name)

    tasks = [asyncio.create_task(write(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    closing = asyncio.create_task(storage.close())
    closing.add_done_callback(lambda _: events.append("closed"))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks, closing)
    assert events == ["first", "second", "closed"]


async def begin(storage: MemoryStorage) -> None:
    async with storage.transaction("tenant"):
        pass


async def open_view(storage: MemoryStorage) -> None:
    async with storage.view("tenant"):
        pass


async def open_consistent_view(storage: MemoryStorage) -> None:
    async with storage.consistent_view("tenant"):
        pass


async def list_tenants(storage: MemoryStorage) -> None:
    await storage.tenants_with_segments()


async def list_tenants_to_refresh(storage: MemoryStorage) -> None:
    await storage.tenants_to_refresh()


async def request_lease(storage: MemoryStorage) -> None:
    await storage.lease(an_id(), 60)


async def add(storage: MemoryStorage) -> None:
    await storage.autocommit("tenant").add_customer(a_customer())


async def check(storage: MemoryStorage) -> None:
    await storage.check()


USES = [
    begin,
    open_view,
    open_consistent_view,
    list_tenants,
    list_tenants_to_refresh,
    request_lease,
    add,
    check,
]


@pytest.mark.parametrize("use", USES)
async def test_a_closed_storage_is_unavailable(use: Use) -> None:
    storage = MemoryStorage(currency=USD)
    await use(storage)
    await storage.close()
    with pytest.raises(Unavailable, match="closed"):
        await use(storage)


async def test_a_storage_can_be_closed_twice() -> None:
    storage = MemoryStorage(currency=USD)
    await storage.close()
    await storage.close()
