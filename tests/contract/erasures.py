"""The contract of erasure: no personal data remains, and the ledger still adds up."""

from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.customer_filter import CustomerFilter
from customers.core.model.erasure import RecordKind
from customers.core.ports.storage import Storage
from tests.contract.filters import find_customers
from tests.support.builders import a_note, a_payment_method, an_address, an_entry, later
from tests.support.full_tenant import ADA, BOB, EVE, FullTenant, read_everything, store_full_tenant
from tests.support.storage_steps import (
    a_stored_customer,
    add_notes,
    assign,
    delete,
    erase,
    get_customer,
    save,
    save_entries,
    set_addresses,
    set_methods,
    some_customers,
)

TOMORROW = later(days=1)


async def read_bob(storage: Storage, full_tenant: FullTenant) -> list[object]:
    async with storage.view(full_tenant.bob.tenant_id) as view:
        return [
            await storage.lookups(full_tenant.bob.tenant_id).profile(BOB),
            list(await view.notes.newest(BOB, None, 9)),
            list(await view.communications.newest(BOB, None, 9)),
            list(await view.orders.newest(BOB, None, 9)),
            set(await view.assignments.segments_of(BOB)),
        ]


class ErasureContract:
    async def test_the_receipt_counts_the_rows_of_every_table(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await set_addresses(storage, full_tenant.ada, full_tenant.home, an_address(full_tenant.ada))
        await save_entries(storage, full_tenant.ada, an_entry(full_tenant.ada, order_number=""))
        receipt = await erase(storage, full_tenant.ada, TOMORROW)
        changes = {
            RecordKind.CUSTOMER: 1,
            RecordKind.ADDRESS: 2,
            RecordKind.PAYMENT_METHOD: 1,
            RecordKind.ASSIGNMENT: 1,
            RecordKind.MEMBERSHIP: 1,
            RecordKind.PENDING_CHANGE: 1,
            RecordKind.NOTE: 1,
            RecordKind.COMMUNICATION: 1,
            RecordKind.ORDER: 1,
            RecordKind.VERIFICATION: 1,
        }
        assert receipt.counts == dict.fromkeys(RecordKind, 0) | changes
        assert (receipt.customer_id, receipt.erased_at) == (ADA, TOMORROW)

    async def test_the_receipt_of_a_customer_without_other_data_has_zeros(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        receipt = await erase(storage, customer)
        assert receipt.counts == dict.fromkeys(RecordKind, 0) | {RecordKind.CUSTOMER: 1}

    async def test_the_receipt_can_be_read_again(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        async with storage.transaction(tenant) as tx:
            assert await tx.erasures.find(customer.id) is None
        receipt = await erase(storage, customer, TOMORROW)
        async with storage.transaction(tenant) as tx:
            assert await tx.erasures.find(customer.id) == receipt

    async def test_an_erased_customer_is_hidden_from_every_read(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await erase(storage, full_tenant.ada)
        after = await read_everything(storage, tenant)
        hidden = ("get", "addresses", "payment methods", "notes", "communications")
        for read in (*hidden, "verifications", "orders", "assigned segments", "get for update"):
            assert after[read] is CustomerNotFound, read
        assert (after["by e-mail"], after["by e-mails"], after["count of a search"]) == (
            None,
            {},
            0,
        )
        assert after["profiles"] == {BOB: await storage.lookups(tenant).profile(BOB)}
        assert (after["page of members"], after["page of the assigned"]) == ([], [])
        assert after["page"] == [full_tenant.bob]

    async def test_the_remaining_customer_has_no_personal_data(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await erase(storage, full_tenant.ada, TOMORROW)
        async with storage.transaction(tenant) as tx:
            assert await tx.customers.get_any_for_update(ADA) == full_tenant.ada.erased(TOMORROW)

    async def test_everything_that_belongs_to_an_erased_customer_is_removed(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await erase(storage, full_tenant.ada)
        # No use case restores an erased customer; this makes the remaining rows readable.
        await save(storage, evolve(full_tenant.ada.erased(TOMORROW), deleted_at=None))
        profile = await storage.lookups(tenant).profile(ADA)
        async with storage.view(tenant) as view:
            assert (profile.addresses, profile.payment_methods) == ((), ())
            assert list(await view.notes.newest(ADA, None, 9)) == []
            assert list(await view.communications.newest(ADA, None, 9)) == []
            assert set(await view.assignments.segments_of(ADA)) == set()

    async def test_the_ledger_keeps_amounts_and_dates_but_no_order_number(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await erase(storage, full_tenant.ada)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(BOB)
            assert await tx.orders.claim("order", BOB) == evolve(full_tenant.order, order_number="")
            assert await tx.orders.claim("stub", BOB) == full_tenant.stub
            assert await tx.orders.refund_amount("order", "refund") == full_tenant.refund.amount
            assert await tx.orders.statistics(ADA) == full_tenant.ada.statistics

    async def test_the_email_and_token_of_an_erased_customer_are_free(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        await erase(storage, full_tenant.ada)
        new = await a_stored_customer(storage, tenant, email=full_tenant.ada.email)
        token = full_tenant.card.gateway_payment_method_id
        card = a_payment_method(new, gateway_payment_method_id=token)
        await set_methods(storage, new, card)
        assert await get_customer(storage, new) == new

    async def test_a_deleted_customer_can_be_erased(self, storage: Storage, tenant: str) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        receipt = await erase(storage, full_tenant.eve, TOMORROW)
        assert receipt.counts[RecordKind.CUSTOMER] == 1
        async with storage.transaction(tenant) as tx:
            erased = await tx.customers.get_any_for_update(EVE)
            assert erased == full_tenant.eve.erased(TOMORROW)
            assert await tx.erasures.find(EVE) == receipt

    async def test_erasing_a_deleted_customer_removes_everything_they_had(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        receipt = await erase(storage, await delete(storage, full_tenant.ada))
        assert [receipt.counts[kind] for kind in RecordKind] == [
            1,
            1,
            1,
            0,
            1,
            1,
            0,
            1,
            1,
            1,
            1,
            0,
            1,
        ]

    async def test_several_customers_can_be_erased(self, storage: Storage, tenant: str) -> None:
        customers = await some_customers(storage, tenant, 3)
        for customer in customers:
            await erase(storage, customer)
        assert await find_customers(storage, tenant, CustomerFilter()) == []

    async def test_an_erasure_does_not_touch_other_customers(
        self, storage: Storage, tenant: str
    ) -> None:
        full_tenant = await store_full_tenant(storage, tenant)
        bob = full_tenant.bob
        await set_addresses(storage, bob, an_address(bob))
        await set_methods(storage, bob, a_payment_method(bob))
        await add_notes(storage, bob, a_note(bob))
        await save_entries(storage, bob, an_entry(bob, order_number="No 2"))
        await assign(storage, full_tenant.segment, bob)
        before = await read_bob(storage, full_tenant)
        await erase(storage, full_tenant.ada)
        assert await read_bob(storage, full_tenant) == before
