"""How transactions begin, wait and end in the memory storage."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from attrs import evolve

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage, Transaction
from tests.support.builders import NOW, USD, a_customer, an_entry

Write = Callable[[Storage, Customer], Awaitable[object]]
Step = Callable[[Transaction], Awaitable[object]]


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


async def add(storage: Storage, *customers: Customer) -> None:
    async with storage.transaction("tenant") as tx:
        for customer in customers:
            assert await tx.customers.add(customer)


async def rename(storage: Storage, customer: Customer, name: str) -> None:
    async with storage.transaction("tenant") as tx:
        before = await tx.customers.get_for_update(customer.id)
        await tx.customers.save(evolve(before, first_name=name).with_next_version(NOW))


async def save_with_taken_email(
    storage: Storage, customer: Customer, then: Step | None = None
) -> None:
    """Saves a customer with a taken e-mail and suppresses the error; `then` must fail."""
    async with storage.transaction("tenant") as tx:
        await tx.customers.get_for_update(customer.id)
        with pytest.raises(EmailTaken):
            await tx.customers.save(customer)
        if then is not None:
            await then(tx)
            pytest.fail("the step succeeded")


async def stored(storage: Storage, customer: Customer) -> Customer:
    async with storage.view("tenant") as view:
        return await view.customers.get(customer.id)


async def test_a_suppressed_error_is_named_at_the_end_of_the_block(storage: MemoryStorage) -> None:
    holder, mover = a_customer(), a_customer()
    await add(storage, holder, mover)
    moving = save_with_taken_email(storage, evolve(mover, email=holder.email))
    with pytest.raises(RuntimeError, match="doomed by EmailTaken") as raised:
        await moving
    assert isinstance(raised.value.__cause__, EmailTaken)
    assert await stored(storage, mover) == mover


async def test_a_doomed_transaction_refuses_reads_and_writes(storage: MemoryStorage) -> None:
    holder, mover = a_customer(), a_customer()
    await add(storage, holder, mover)
    steps: list[Step] = [
        lambda tx: tx.customers.get(holder.id),
        lambda tx: tx.customers.save(mover),
        lambda tx: tx.customers.add(a_customer()),
    ]
    for step in steps:
        moving = save_with_taken_email(storage, evolve(mover, email=holder.email), then=step)
        with pytest.raises(RuntimeError, match="doomed by EmailTaken"):
            await moving


async def add_by_autocommit(storage: Storage, customer: Customer) -> object:
    return await storage.autocommit("tenant").add_customer(customer)


async def record_by_autocommit(storage: Storage, customer: Customer) -> object:
    return await storage.autocommit("tenant").record_order(an_entry(customer), NOW)


async def add_in_a_transaction(storage: Storage, customer: Customer) -> object:
    async with storage.transaction("tenant") as tx:
        return await tx.customers.add(customer)


@pytest.mark.parametrize("write", [add_by_autocommit, record_by_autocommit, add_in_a_transaction])
@pytest.mark.parametrize("outer", ["tenant", "another tenant"])
async def test_a_nested_write_raises_instead_of_deadlocking(
    storage: MemoryStorage, write: Write, outer: str
) -> None:
    async with storage.transaction(outer):
        with pytest.raises(RuntimeError, match="cannot be nested"):
            await write(storage, a_customer())
    await write(storage, a_customer())


async def test_a_task_started_inside_a_transaction_waits_for_its_end(
    storage: MemoryStorage,
) -> None:
    customer = a_customer()
    async with storage.transaction("tenant") as tx:
        renaming = asyncio.create_task(rename(storage, customer, "Grace"))
        await asyncio.sleep(0)
        assert await tx.customers.add(customer)
    await renaming
    assert (await stored(storage, customer)).first_name == "Grace"


async def test_a_cancelled_transaction_is_rolled_back_and_releases_its_locks(
    storage: MemoryStorage,
) -> None:
    customer, inside = a_customer(), asyncio.Event()

    async def never_end() -> None:
        async with storage.transaction("tenant") as tx:
            await tx.customers.add(customer)
            inside.set()
            await asyncio.Event().wait()

    endless = asyncio.create_task(never_end())
    await inside.wait()
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    with pytest.raises(CustomerNotFound):
        await stored(storage, customer)
    await add(storage, customer)


async def test_a_task_cancelled_while_it_waits_does_not_block_the_others(
    storage: MemoryStorage,
) -> None:
    customers = [a_customer() for _ in range(3)]
    async with storage.transaction("tenant"):
        tasks = [asyncio.create_task(add(storage, customer)) for customer in customers]
        await asyncio.sleep(0)
        tasks[0].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert ends[1:] == [None, None]
    assert await stored(storage, customers[2]) == customers[2]


async def test_transactions_of_two_tenants_run_concurrently(storage: MemoryStorage) -> None:
    other = a_customer(tenant_id="another tenant")
    async with storage.transaction("tenant") as tx:
        theirs = storage.autocommit("another tenant").add_customer(other)
        assert await asyncio.create_task(theirs) is True
        with pytest.raises(CustomerNotFound):
            await tx.customers.get(other.id)


async def test_a_read_of_a_view_sees_the_state_committed_by_then(storage: MemoryStorage) -> None:
    customer = a_customer()
    async with storage.view("tenant") as view, storage.transaction("tenant") as tx:
        await tx.customers.add(customer)
        assert await view.customers.by_email(customer.email_key) is None
        async with storage.view("tenant") as another:
            assert await another.customers.by_email(customer.email_key) is None
    async with storage.view("tenant") as view:
        assert await view.customers.by_email(customer.email_key) == customer
        await rename(storage, customer, "Grace")
        assert (await view.customers.get(customer.id)).first_name == "Grace"


async def test_repositories_cannot_be_used_after_their_block(storage: MemoryStorage) -> None:
    async with storage.view("tenant") as view:
        reader = view.customers
    async with storage.consistent_view("tenant") as consistent:
        consistent_reader = consistent.customers
    async with storage.transaction("tenant") as tx:
        repository = tx.customers
    for customers in (reader, consistent_reader, repository, view.customers, tx.customers):
        with pytest.raises(RuntimeError, match="has ended"):
            await customers.by_email("ada@example.test")
    with pytest.raises(RuntimeError, match="has ended"):
        await repository.add(a_customer())
