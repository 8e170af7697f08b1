"""What every storage promises of transactions, of views, and of itself."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from attrs import evolve

from customers.core.errors import (
    CustomerNotFound,
    CustomersError,
    EmailTaken,
    PaymentMethodTaken,
    SegmentNameTaken,
    Unavailable,
)
from customers.core.ports import Storage, Transaction
from tests.builders import USD, a_customer, a_payment_method, a_segment, a_tenant, an_id, later
from tests.contract.scene import ADA, BOB, WRITES, Scene, lock_everything, seen, set_up
from tests.contract.statistics import StorageIn
from tests.contract.steps import (
    EVERYONE,
    Pause,
    a_kept_customer,
    abandoned,
    count,
    keep,
    overlapping,
    save,
    stored,
)

every_write = pytest.mark.parametrize("write", WRITES)

Write = Callable[[Transaction, Scene], Awaitable[object]]


async def _take_email(tx: Transaction, scene: Scene) -> None:
    await tx.customers.lock(BOB)
    await tx.customers.save(evolve(scene.bob, email="ADA@example.test"))


async def _take_token(tx: Transaction, scene: Scene) -> None:
    token = scene.card.gateway_payment_method_id
    await tx.customers.lock(BOB)
    method = a_payment_method(scene.bob, gateway_payment_method_id=token)
    await tx.payment_methods.replace(BOB, [], [method])


async def _take_name(tx: Transaction, scene: Scene) -> None:
    await tx.segments.add(a_segment(tenant_id=scene.ada.tenant_id, name="vip"))


async def _take_name_by_renaming(tx: Transaction, scene: Scene) -> None:
    await tx.segments.lock(scene.others.id)
    await tx.segments.save(evolve(scene.others, name="vip"))


REFUSED: list[tuple[type[CustomersError], Write]] = [
    (EmailTaken, _take_email),
    (PaymentMethodTaken, _take_token),
    (SegmentNameTaken, _take_name),
    (SegmentNameTaken, _take_name_by_renaming),
]


class CommitContract:
    @every_write
    async def test_what_a_block_has_written_is_there_when_it_has_ended(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, scene)
        assert await seen(storage, tenant) != before

    @every_write
    async def test_nothing_is_left_of_a_block_that_an_exception_leaves(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)
        async with abandoned(storage, tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, scene)
        assert await seen(storage, tenant) == before

    async def test_several_writes_happen_all_or_none(self, storage: Storage, tenant: str) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)
        async with abandoned(storage, tenant) as tx:
            await lock_everything(tx)
            for write in ("add a customer", "add a note", "cancel an order", "put", "take"):
                await WRITES[write](tx, scene)
        assert await seen(storage, tenant) == before

    async def test_a_transaction_that_does_nothing_changes_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        await set_up(storage, tenant)
        before = await seen(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
        assert await seen(storage, tenant) == before

    @pytest.mark.parametrize("other", [False, True], ids=["same tenant", "other tenant"])
    async def test_a_transaction_inside_a_transaction_raises(
        self, storage: Storage, tenant: str, other: bool
    ) -> None:
        customer = a_customer(tenant_id=tenant)

        async def nest() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(customer)
                async with storage.transaction(a_tenant() if other else tenant):
                    raise AssertionError("the inner transaction has begun")

        with pytest.raises(RuntimeError):
            await nest()
        assert await count(storage, tenant) == 0
        await keep(storage, customer)
        assert await stored(storage, customer) == customer


class DoomContract:
    @pytest.mark.parametrize(("refusal", "write"), REFUSED)
    async def test_a_refused_write_dooms_a_block_that_swallows_the_refusal(
        self, storage: Storage, tenant: str, refusal: type[CustomersError], write: Write
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)

        async def swallow() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(a_customer(tenant_id=tenant))
                with suppress(refusal):
                    await write(tx, scene)

        with pytest.raises(RuntimeError):
            await swallow()
        assert await seen(storage, tenant) == before

    @pytest.mark.parametrize(("refusal", "write"), REFUSED)
    async def test_a_refusal_that_leaves_the_block_arrives_by_its_name(
        self, storage: Storage, tenant: str, refusal: type[CustomersError], write: Write
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)

        async def let_out() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(a_customer(tenant_id=tenant))
                await write(tx, scene)

        with pytest.raises(refusal):
            await let_out()
        assert await seen(storage, tenant) == before

    async def test_a_customer_who_is_not_found_dooms_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.transaction(tenant) as tx:
            for read in (tx.customers.get, tx.customers.lock, tx.addresses.all):
                with pytest.raises(CustomerNotFound):
                    await read(an_id())
            await tx.customers.add(customer)
        assert await stored(storage, customer) == customer


class CancellationContract:
    @every_write
    async def test_nothing_is_left_of_a_cancelled_transaction(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)
        written = asyncio.Event()

        async def work() -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                await WRITES[write](tx, scene)
                written.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(work())
        await written.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await seen(storage, tenant) == before

    async def test_who_is_cancelled_while_waiting_for_a_lock_leaves_the_others_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                now = await tx.customers.lock(customer.id)
                await tx.customers.save(now.touched(later(days=1)))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                now = await tx.customers.lock(customer.id)
                await pause()
                await tx.customers.save(now.touched(later(days=1)))

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(touch(), timeout=0.02)

        await overlapping(hold, give_up)
        await touch()
        assert (await stored(storage, customer)).version == 3

    async def test_a_storage_serves_on_after_many_cancellations(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)

        async def touch() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.lock(customer.id)
                await tx.customers.save(customer.touched(later(days=1)))

        for turns in range(60):
            working = asyncio.create_task(touch() if turns % 2 else stored(storage, customer))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await save(storage, last := evolve(customer, version=99))
        assert await stored(storage, customer) == last


class ViewContract:
    async def test_a_view_does_not_see_what_is_not_committed(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        before = await seen(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await lock_everything(tx)
                for write in ("add a customer", "delete", "add a note", "cancel an order", "put"):
                    await WRITES[write](tx, scene)
                await pause()

        async def look() -> list[object]:
            async with storage.view(tenant) as view:
                return [
                    await view.customers.get(ADA),
                    list(await view.notes.newest(ADA, None, 9)),
                    list(await view.orders.newest(ADA, None, 9)),
                ]

        reads = ("get", "notes", "orders")
        assert await overlapping(hold, look) == [before[read] for read in reads]

    async def test_a_view_sees_what_was_committed_since_it_was_opened(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.view(tenant) as view:
            assert await view.customers.by_email(customer.email_key) is None
            await asyncio.create_task(keep(storage, customer))
            assert await view.customers.by_email(customer.email_key) == customer

    async def test_many_views_and_transactions_are_served_at_once(
        self, storage: Storage, tenant: str
    ) -> None:
        customers = [a_customer(tenant_id=tenant) for _ in range(40)]
        await asyncio.gather(*(keep(storage, each) for each in customers))
        assert await asyncio.gather(*(stored(storage, each) for each in customers)) == customers


class StorageContract:
    async def test_a_storage_that_can_serve_says_so(self, storage: Storage) -> None:
        await storage.check()

    async def test_a_storage_that_was_closed_cannot_serve(self, storage_in: StorageIn) -> None:
        async with storage_in(USD) as storage:
            await storage.check()
            await storage.close()
            with pytest.raises(Unavailable):
                await storage.check()

    async def test_work_in_flight_is_finished_before_a_storage_is_closed(
        self, storage_in: StorageIn, tenant: str
    ) -> None:
        async with storage_in(USD) as storage:
            ended = []

            async def work(pause: Pause) -> None:
                async with storage.transaction(tenant) as tx:
                    await tx.customers.add(a_customer(tenant_id=tenant))
                    await pause()
                    assert await tx.customers.count(EVERYONE) == 1
                ended.append("work")

            await overlapping(work, storage.close)
            ended.append("storage")
        assert ended == ["work", "storage"]
