"""What every storage promises of transactions: all or nothing, and nothing after a refusal."""

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
)
from customers.core.ports.storage import Storage, Transaction
from tests.contract.full_tenant import BOB, Scene, seen, set_up
from tests.contract.full_tenant_writes import WRITES, lock_everything
from tests.contract.steps import (
    abandoned,
    count,
    keep,
    stored,
)
from tests.support.builders import a_customer, a_payment_method, a_segment, a_tenant, an_id

every_write = pytest.mark.parametrize("write", WRITES)

Write = Callable[[Transaction, Scene], Awaitable[object]]


async def _take_email(tx: Transaction, scene: Scene) -> None:
    await tx.customers.get_for_update(BOB)
    await tx.customers.save(evolve(scene.bob, email="ADA@example.test"))


async def _take_token(tx: Transaction, scene: Scene) -> None:
    token = scene.card.gateway_payment_method_id
    await tx.customers.get_for_update(BOB)
    method = a_payment_method(scene.bob, gateway_payment_method_id=token)
    await tx.payment_methods.replace(BOB, [], [method])


async def _take_name(tx: Transaction, scene: Scene) -> None:
    await tx.segments.add(a_segment(tenant_id=scene.ada.tenant_id, name="vip"))


async def _take_name_by_renaming(tx: Transaction, scene: Scene) -> None:
    await tx.segments.get_for_update(scene.others.id)
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
            for read in (tx.customers.get, tx.customers.get_for_update, tx.addresses.all):
                with pytest.raises(CustomerNotFound):
                    await read(an_id())
            await tx.customers.add(customer)
        assert await stored(storage, customer) == customer
