"""What every storage promises of erasure: nothing personal is left, the ledger still adds up."""

from attrs import evolve

from customers.core.errors import CustomerNotFound
from customers.core.model.erasure import TABLES
from customers.core.model.query import CustomerFilter
from customers.core.ports.storage import Storage
from tests.contract.filters import found
from tests.contract.full_tenant import ADA, BOB, EVE, Scene, seen, set_up
from tests.contract.steps import (
    a_kept_customer,
    add_notes,
    delete,
    enter,
    erase,
    put,
    save,
    set_addresses,
    set_methods,
    stored,
)
from tests.support.builders import a_note, a_payment_method, an_address, an_entry, later

TOMORROW = later(days=1)


async def seen_of_bob(storage: Storage, scene: Scene) -> list[object]:
    async with storage.view(scene.bob.tenant_id) as view:
        return [
            await view.customers.profile(BOB),
            list(await view.notes.newest(BOB, None, 9)),
            list(await view.communications.newest(BOB, None, 9)),
            list(await view.orders.newest(BOB, None, 9)),
            set(await view.assignments.segments_of(BOB)),
        ]


class ErasureContract:
    async def test_the_receipt_names_every_table_and_what_was_touched_in_it(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        await set_addresses(storage, scene.ada, scene.home, an_address(scene.ada))
        await enter(storage, scene.ada, an_entry(scene.ada, order_number=""))
        receipt = await erase(storage, scene.ada, TOMORROW)
        touched = {
            "customers": 1,
            "customer_addresses": 2,
            "customer_payment_methods": 1,
            "customer_segment_assignments": 1,
            "customer_segment_members": 1,
            "customer_notes": 1,
            "customer_communications": 1,
            "customer_orders": 1,
        }
        assert receipt.tables == dict.fromkeys(TABLES, 0) | touched
        assert (receipt.customer_id, receipt.erased_at) == (ADA, TOMORROW)

    async def test_who_had_nothing_has_a_receipt_of_zeros(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_kept_customer(storage, tenant)
        receipt = await erase(storage, customer)
        assert receipt.tables == dict.fromkeys(TABLES, 0) | {"customers": 1}

    async def test_the_receipt_is_found_again(self, storage: Storage, tenant: str) -> None:
        customer = await a_kept_customer(storage, tenant)
        async with storage.transaction(tenant) as tx:
            assert await tx.erasures.find(customer.id) is None
        receipt = await erase(storage, customer, TOMORROW)
        async with storage.transaction(tenant) as tx:
            assert await tx.erasures.find(customer.id) == receipt

    async def test_the_erased_are_nowhere_to_be_read(self, storage: Storage, tenant: str) -> None:
        scene = await set_up(storage, tenant)
        await erase(storage, scene.ada)
        after = await seen(storage, tenant)
        eve = ("get", "profile", "addresses", "payment methods", "notes", "communications")
        for read in (*eve, "orders", "put into", "lock"):
            assert after[read] is CustomerNotFound, read
        assert (after["by e-mail"], after["count of a search"]) == (None, 0)
        assert (after["page of members"], after["page of the assigned"]) == ([], [])
        assert after["page"] == [scene.bob]

    async def test_what_is_kept_of_a_customer_is_nameless(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        await erase(storage, scene.ada, TOMORROW)
        async with storage.transaction(tenant) as tx:
            assert await tx.customers.get_any_for_update(ADA) == scene.ada.erased(TOMORROW)

    async def test_nothing_hangs_on_an_erased_customer_any_more(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        await erase(storage, scene.ada)
        # No use case brings the erased back; it is the way to look behind the curtain.
        await save(storage, evolve(scene.ada.erased(TOMORROW), deleted_at=None))
        async with storage.view(tenant) as view:
            profile = await view.customers.profile(ADA)
            assert (profile.addresses, profile.payment_methods) == ((), ())
            assert list(await view.notes.newest(ADA, None, 9)) == []
            assert list(await view.communications.newest(ADA, None, 9)) == []
            assert set(await view.assignments.segments_of(ADA)) == set()

    async def test_the_ledger_keeps_amounts_and_dates_and_no_number(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        await erase(storage, scene.ada)
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(BOB)
            assert await tx.orders.claim("order", BOB) == evolve(scene.order, order_number="")
            assert await tx.orders.claim("stub", BOB) == scene.stub
            assert await tx.orders.refund_amount("order", "refund") == scene.refund.amount
            assert await tx.orders.statistics(ADA) == scene.ada.statistics

    async def test_an_erased_customers_email_and_token_are_free(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        await erase(storage, scene.ada)
        new = await a_kept_customer(storage, tenant, email=scene.ada.email)
        token = scene.card.gateway_payment_method_id
        card = a_payment_method(new, gateway_payment_method_id=token)
        await set_methods(storage, new, card)
        assert await stored(storage, new) == new

    async def test_the_deleted_can_be_erased(self, storage: Storage, tenant: str) -> None:
        scene = await set_up(storage, tenant)
        receipt = await erase(storage, scene.eve, TOMORROW)
        assert receipt.tables["customers"] == 1
        async with storage.transaction(tenant) as tx:
            erased = await tx.customers.get_any_for_update(EVE)
            assert erased == scene.eve.erased(TOMORROW)
            assert await tx.erasures.find(EVE) == receipt

    async def test_what_a_deleted_customer_had_is_erased_too(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        receipt = await erase(storage, await delete(storage, scene.ada))
        assert [receipt.tables[table] for table in TABLES] == [1, 1, 1, 0, 1, 1, 1, 1, 1, 0]

    async def test_many_can_be_erased(self, storage: Storage, tenant: str) -> None:
        customers = [await a_kept_customer(storage, tenant) for _ in range(3)]
        for customer in customers:
            await erase(storage, customer)
        assert await found(storage, tenant, CustomerFilter()) == []

    async def test_an_erasure_leaves_everyone_else_alone(
        self, storage: Storage, tenant: str
    ) -> None:
        scene = await set_up(storage, tenant)
        bob = scene.bob
        await set_addresses(storage, bob, an_address(bob))
        await set_methods(storage, bob, a_payment_method(bob))
        await add_notes(storage, bob, a_note(bob))
        await enter(storage, bob, an_entry(bob, order_number="No 2"))
        await put(storage, scene.segment, bob)
        before = await seen_of_bob(storage, scene)
        await erase(storage, scene.ada)
        assert await seen_of_bob(storage, scene) == before
