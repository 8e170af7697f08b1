"""The contract of transactions: all or nothing, and nothing after a refused write."""

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
from tests.support.builders import a_customer, a_payment_method, a_segment, a_tenant, an_id
from tests.support.full_tenant import BOB, FullTenant, read_everything, store_full_tenant
from tests.support.full_tenant_writes import WRITES, lock_everything
from tests.support.storage_steps import add_customers, count, failing_transaction, get_customer

every_write = pytest.mark.parametrize("write", WRITES)

Write = Callable[[Transaction, FullTenant], Awaitable[object]]


async def _take_email(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.customers.get_for_update(BOB)
    await tx.customers.save(evolve(full_tenant.bob, email="ADA@example.test"))


async def _take_token(tx: Transaction, full_tenant: FullTenant) -> None:
    token = full_tenant.card.gateway_payment_method_id
    await tx.customers.get_for_update(BOB)
    method = a_payment_method(full_tenant.bob, gateway_payment_method_id=token)
    await tx.payment_methods.replace(BOB, [], [method])


async def _take_name(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.segments.add(a_segment(tenant_id=full_tenant.ada.tenant_id, name="vip"))


async def _take_name_by_renaming(tx: Transaction, full_tenant: FullTenant) -> None:
    await tx.segments.get_for_update(full_tenant.others.id)
    await tx.segments.save(evolve(full_tenant.others, name="vip"))


REFUSED: list[tuple[type[CustomersError], Write]] = [
    (EmailTaken, _take_email),
    (PaymentMethodTaken, _take_token),
    (SegmentNameTaken, _take_name),
    (SegmentNameTaken, _take_name_by_renaming),
]


class CommitContract:
    @every_write
    async def test_the_end_of_a_block_commits(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, full_tenant)
        assert await read_everything(storage, tenant) != before

    @every_write
    async def test_an_exception_that_leaves_a_block_rolls_back(
        self, storage: Storage, tenant: str, write: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
        async with failing_transaction(storage, tenant) as tx:
            await lock_everything(tx)
            await WRITES[write](tx, full_tenant)
        assert await read_everything(storage, tenant) == before

    async def test_several_writes_are_rolled_back_together(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
        async with failing_transaction(storage, tenant) as tx:
            await lock_everything(tx)
            for write in (
                "add a customer",
                "add an address",
                "cancel an order",
                "assign",
                "unassign",
            ):
                await WRITES[write](tx, full_tenant)
        assert await read_everything(storage, tenant) == before

    async def test_a_transaction_that_does_nothing_changes_nothing(
        self, storage: Storage, tenant: str
    ) -> None:
        await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)
        async with storage.transaction(tenant) as tx:
            await lock_everything(tx)
        assert await read_everything(storage, tenant) == before

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
        await add_customers(storage, customer)
        assert await get_customer(storage, customer) == customer


class DoomedTransactionContract:
    @pytest.mark.parametrize(("refusal", "write"), REFUSED)
    async def test_a_block_that_swallows_a_refused_write_raises_at_its_end(
        self, storage: Storage, tenant: str, refusal: type[CustomersError], write: Write
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)

        async def swallow() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(a_customer(tenant_id=tenant))
                with suppress(refusal):
                    await write(tx, full_tenant)

        with pytest.raises(RuntimeError):
            await swallow()
        assert await read_everything(storage, tenant) == before

    @pytest.mark.parametrize(("refusal", "write"), REFUSED)
    async def test_a_refusal_leaves_the_block_as_its_own_error(
        self, storage: Storage, tenant: str, refusal: type[CustomersError], write: Write
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        before = await read_everything(storage, tenant)

        async def let_out() -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.add(a_customer(tenant_id=tenant))
                await write(tx, full_tenant)

        with pytest.raises(refusal):
            await let_out()
        assert await read_everything(storage, tenant) == before

    async def test_a_customer_who_is_not_found_does_not_doom_the_transaction(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = a_customer(tenant_id=tenant)
        async with storage.transaction(tenant) as tx:
            for read in (tx.customers.get, tx.customers.get_for_update, tx.addresses.all):
                with pytest.raises(CustomerNotFound):
                    await read(an_id())
            await tx.customers.add(customer)
        assert await get_customer(storage, customer) == customer
