"""The contract of `OrderRepository`: claims, entries, refunds and pages."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from customers.core.errors import CustomerNotFound, OrderNotFound
from customers.core.model.customer import Customer
from customers.core.model.ledger import Entry, OrderStatus, RecordedOrder
from customers.core.model.money import MAX_AMOUNT
from customers.core.model.query import JournalKey, Page
from customers.core.ports.storage import Storage
from tests.support.builders import (
    FIRST_MOMENT,
    LAST_MOMENT,
    NOW,
    a_refund,
    a_stub,
    a_tenant,
    an_entry,
    later,
)
from tests.support.storage_steps import (
    Pause,
    a_stored_customer,
    add_refunds,
    delete,
    failing_transaction,
    overlap,
    save_entries,
    some_customers,
)

ALL_FIELDS: dict[str, Any] = {
    "order_id": "#%_\\'\"$1:x~" + "A" * 80,
    "order_number": "Bestellung \u2116 7",
    "total_amount": Decimal("33.3300"),
    "order_date": later(days=-3, microseconds=1),
    "order_date_stated": False,
    "refunds_total": Decimal("40.01"),
    "cancelled_at": later(days=1, microseconds=999_999),
    "recorded_at": later(seconds=1),
}


async def page(
    storage: Storage, customer: Customer, status: OrderStatus | None = None, **page: int
) -> tuple[list[str], int]:
    """The ids of the orders of a page, and the total."""
    async with storage.view(customer.tenant_id) as view:
        orders = await view.orders.page(customer.id, status, Page(**page))
    return [entry.order_id for entry in orders.entries], orders.total


async def claim(storage: Storage, customer: Customer, order_id: str) -> Entry:
    async with storage.transaction(customer.tenant_id) as tx:
        await tx.customers.get_for_update(customer.id)
        return await tx.orders.claim(order_id, customer.id)


async def get(storage: Storage, customer: Customer, order_id: str) -> RecordedOrder:
    async with storage.view(customer.tenant_id) as view:
        return await view.orders.get(customer.id, order_id)


async def recorded(
    storage: Storage, customer: Customer, order_id: str
) -> tuple[Customer, Entry] | None:
    async with storage.view(customer.tenant_id) as view:
        return await view.orders.recorded(customer.id, order_id)


async def newest(
    storage: Storage, customer: Customer, after: Entry | None = None, limit: int = 50
) -> list[Entry]:
    key = None
    if after is not None and after.order_date is not None:
        key = JournalKey(at=after.order_date, id=after.order_id)
    async with storage.view(customer.tenant_id) as view:
        return list(await view.orders.newest(customer.id, key, limit))


class OrderClaimContract:
    async def test_claiming_an_unknown_order_stores_a_stub(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        stub = Entry(order_id="order-1", customer_id=ada.id)
        assert await claim(storage, ada, "order-1") == stub
        assert await claim(storage, ada, "order-1") == stub
        assert await claim(storage, bob, "order-1") == stub

    async def test_claiming_returns_the_entry_of_any_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await save_entries(storage, ada, entry := an_entry(ada, **ALL_FIELDS))
        assert await claim(storage, ada, entry.order_id) == entry
        assert await claim(storage, bob, entry.order_id) == entry

    async def test_an_order_of_a_deleted_customer_still_belongs_to_them(
        self, storage: Storage, tenant: str
    ) -> None:
        eve, bob = await some_customers(storage, tenant, 2)
        after = await save_entries(storage, eve, entry := an_entry(eve))
        await delete(storage, after)
        assert await claim(storage, bob, entry.order_id) == entry

    @pytest.mark.parametrize("other", ["Order-1", "order-1.", "order-%", "order_1"])
    async def test_order_ids_are_compared_exactly(
        self, storage: Storage, tenant: str, other: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await save_entries(storage, customer, an_entry(customer, order_id="order-1"))
        assert await claim(storage, customer, other) == a_stub(customer, order_id=other)

    async def test_an_order_id_of_another_tenant_is_free(
        self, storage: Storage, tenant: str
    ) -> None:
        theirs, ours = (
            await a_stored_customer(storage, a_tenant()),
            await a_stored_customer(storage, tenant),
        )
        await save_entries(storage, theirs, an_entry(theirs, order_id="order-1"))
        stub = await claim(storage, ours, "order-1")
        assert stub == a_stub(ours, order_id="order-1")

    async def test_a_rolled_back_claim_stores_nothing(self, storage: Storage, tenant: str) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        async with failing_transaction(storage, tenant) as tx:
            await tx.customers.get_for_update(ada.id)
            await tx.orders.claim("order-1", ada.id)
        assert (await claim(storage, bob, "order-1")).customer_id == bob.id

    async def test_a_waiter_for_a_new_order_gets_the_entry_its_holder_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        entry = an_entry(ada, order_id="order-1")

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(ada.id)
                await tx.orders.claim("order-1", ada.id)
                await pause()
                await tx.orders.save(entry)

        assert await overlap(hold, lambda: claim(storage, bob, "order-1")) == entry

    async def test_a_waiter_for_a_stored_order_gets_the_entry_its_holder_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await save_entries(storage, ada, entry := an_entry(ada))
        cancelled = entry.cancel(later(days=1))

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.customers.get_for_update(ada.id)
                await tx.orders.claim(entry.order_id, ada.id)
                await pause()
                await tx.orders.save(cancelled)

        assert await overlap(hold, lambda: claim(storage, bob, entry.order_id)) == cancelled


class LedgerEntryContract:
    async def test_a_saved_entry_reads_back_unchanged(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer, **ALL_FIELDS)
        await save_entries(storage, customer, entry)
        assert await newest(storage, customer) == [entry]

    async def test_a_stub_stores_refunds_and_cancellation_and_is_not_listed(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        stub = a_stub(customer, refunds_total=Decimal("2.50"), cancelled_at=later(days=1))
        await save_entries(storage, customer, stub)
        assert await claim(storage, customer, stub.order_id) == stub
        assert await newest(storage, customer) == []

    @pytest.mark.parametrize("amount", [Decimal(0), Decimal("0.01"), Decimal("0.0001"), MAX_AMOUNT])
    async def test_amounts_are_stored_to_the_last_decimal(
        self, storage: Storage, tenant: str, amount: Decimal
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await save_entries(storage, customer, an_entry(customer, total_amount=amount))
        (entry,) = await newest(storage, customer)
        assert entry.total_amount == amount

    @pytest.mark.parametrize("moment", [FIRST_MOMENT, LAST_MOMENT])
    async def test_the_first_and_last_moment_can_be_stored(
        self, storage: Storage, tenant: str, moment: datetime
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer, order_date=moment)
        after = await save_entries(storage, customer, entry)
        assert await newest(storage, customer) == [entry]
        assert after.statistics.first_order_date == entry.order_date

    async def test_orders_are_listed_newest_first_and_ties_by_order_id(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        order_days = [("b", 1), ("a", 2), ("B", 1), ("a-1", 1), ("_", 1), ("c", 0)]
        entries = {
            name: an_entry(customer, order_id=name, order_date=later(days=day))
            for name, day in order_days
        }
        await save_entries(storage, customer, *entries.values())
        in_order = [entries[name] for name in ("a", "b", "a-1", "_", "B", "c")]
        assert await newest(storage, customer) == in_order
        assert await newest(storage, customer, limit=2) == in_order[:2]

    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_paging_through_orders_neither_skips_nor_repeats(
        self, storage: Storage, tenant: str, limit: int
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        days = [0, 0, 0, 1, 2, 2]
        entries = [an_entry(customer, order_date=later(days=day)) for day in days]
        await save_entries(storage, customer, *entries)
        walked: list[Entry] = []
        while page := await newest(storage, customer, walked[-1] if walked else None, limit):
            walked += page
            await save_entries(storage, customer, an_entry(customer, order_date=later(days=9)))
        entries.sort(key=lambda entry: (entry.order_date, entry.order_id), reverse=True)
        assert walked == entries

    async def test_a_cancelled_order_is_listed(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        cancelled = an_entry(customer).cancel(later(days=1))
        await save_entries(storage, customer, cancelled)
        assert await newest(storage, customer) == [cancelled]

    async def test_orders_belong_to_one_customer(self, storage: Storage, tenant: str) -> None:
        ada, bob = await some_customers(storage, tenant, 2)
        await save_entries(storage, ada, hers := an_entry(ada))
        await save_entries(storage, bob, his := an_entry(bob))
        assert (await newest(storage, ada), await newest(storage, bob)) == ([hers], [his])


class RefundContract:
    async def test_the_amount_of_a_stored_refund_can_be_read(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer, total_amount=MAX_AMOUNT)
        refund = a_refund(entry, refund_id="R%_\\'1", amount=Decimal("999999999999.98"))
        await save_entries(storage, customer, entry)
        await add_refunds(storage, customer, refund)
        async with storage.transaction(tenant) as tx:
            amount = await tx.orders.refund_amount(entry.order_id, refund.refund_id)
            assert amount == refund.amount
            for other in ("R", "r%_\\'1", "Rx_\\'1"):
                assert await tx.orders.refund_amount(entry.order_id, other) is None

    async def test_a_refund_id_belongs_to_its_order(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        one, two, three = (an_entry(customer) for _ in range(3))
        await save_entries(storage, customer, one, two, three)
        refunds = [
            a_refund(one, refund_id="r1", amount=Decimal("1.00")),
            a_refund(two, refund_id="r1", amount=Decimal("2.00")),
        ]
        await add_refunds(storage, customer, *refunds)
        async with storage.transaction(tenant) as tx:
            amounts = [
                await tx.orders.refund_amount(entry.order_id, "r1") for entry in (one, two, three)
            ]
        assert amounts == [Decimal(1), Decimal(2), None]

    async def test_a_stub_can_have_refunds(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        stub = a_stub(customer)
        refund = a_refund(stub, refunded_at=LAST_MOMENT)
        await add_refunds(storage, customer, refund)
        async with storage.transaction(tenant) as tx:
            amount = await tx.orders.refund_amount(stub.order_id, refund.refund_id)
        assert amount == refund.amount

    async def test_a_transaction_reads_its_own_refund(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        await save_entries(storage, customer, entry := an_entry(customer))
        async with storage.transaction(tenant) as tx:
            await tx.customers.get_for_update(customer.id)
            await tx.orders.claim(entry.order_id, customer.id)
            await tx.orders.add_refund(refund := a_refund(entry))
            await tx.orders.save(evolve(entry, refunds_total=refund.amount))
            amount = await tx.orders.refund_amount(entry.order_id, refund.refund_id)
        assert amount == refund.amount


class OrderReaderContract:
    async def test_an_order_has_its_refunds_oldest_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry, other = an_entry(customer, refunds_total=Decimal("7.50")), an_entry(customer)
        await save_entries(storage, customer, entry, other)
        late = a_refund(entry, refund_id="a", refunded_at=later(days=1))
        first, second = (a_refund(entry, refund_id=id) for id in ("b", "c"))
        await add_refunds(storage, customer, late, second, first, a_refund(other))
        order = await get(storage, customer, entry.order_id)
        assert (order.entry, list(order.refunds)) == (entry, [first, second, late])

    async def test_an_order_without_refunds_has_none(self, storage: Storage, tenant: str) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer)
        await save_entries(storage, customer, entry)
        assert list((await get(storage, customer, entry.order_id)).refunds) == []

    async def test_an_order_that_the_customer_does_not_have_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, other = await some_customers(storage, tenant, 2)
        entry, stub = an_entry(other), a_stub(customer)
        await save_entries(storage, other, entry)
        await save_entries(storage, customer, stub)
        for order_id in (entry.order_id, stub.order_id, "unknown"):
            with pytest.raises(OrderNotFound):
                await get(storage, customer, order_id)

    async def test_an_order_of_an_unknown_or_deleted_customer_is_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer)
        await save_entries(storage, customer, entry)
        elsewhere = evolve(customer, tenant_id=a_tenant())
        await delete(storage, customer)
        for missing in (customer, elsewhere):
            with pytest.raises(CustomerNotFound):
                await get(storage, missing, entry.order_id)

    async def test_a_recorded_order_is_read_with_its_customer(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        entry = an_entry(customer, **ALL_FIELDS)
        customer = await save_entries(storage, customer, entry, an_entry(customer))
        assert await recorded(storage, customer, entry.order_id) == (customer, entry)

    async def test_without_a_living_customer_who_has_the_order_there_is_nothing_recorded(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, other, eve = await some_customers(storage, tenant, 3)
        stub, of_other, of_eve = a_stub(customer), an_entry(other), an_entry(eve)
        await save_entries(storage, customer, stub)
        await save_entries(storage, other, of_other)
        await delete(storage, await save_entries(storage, eve, of_eve))
        for order_id in (stub.order_id, of_other.order_id, of_eve.order_id, "unknown"):
            assert await recorded(storage, customer, order_id) is None
        assert await recorded(storage, eve, of_eve.order_id) is None
        elsewhere = evolve(other, tenant_id=a_tenant())
        assert await recorded(storage, elsewhere, of_other.order_id) is None


class OrderPageContract:
    async def test_pages_are_newest_first_ties_with_the_greatest_id_first(
        self, storage: Storage, tenant: str
    ) -> None:
        customer, other = await some_customers(storage, tenant, 2)
        days = {"a": 1, "b": 2, "c": 2, "d": 0}
        entries = [
            an_entry(customer, order_id=name, order_date=later(days=day))
            for name, day in days.items()
        ]
        await save_entries(storage, customer, *entries, a_stub(customer))
        await save_entries(storage, other, an_entry(other))
        assert await page(storage, customer) == (["c", "b", "a", "d"], 4)
        assert await page(storage, customer, number=2, size=3) == (["d"], 4)
        assert await page(storage, customer, number=3, size=3) == ([], 4)
        assert await page(storage, customer, number=10**15, size=200) == ([], 4)

    async def test_a_status_selects_the_orders_that_have_it(
        self, storage: Storage, tenant: str
    ) -> None:
        [customer] = await some_customers(storage, tenant, 1)
        amounts = {"a": (10, 0), "b": (10, 9), "c": (10, 10), "d": (10, 11), "e": (0, 0)}
        entries = [
            an_entry(
                customer, order_id=name, total_amount=Decimal(total), refunds_total=Decimal(back)
            )
            for name, (total, back) in amounts.items()
        ]
        gone = [evolve(entry, order_id=f"x{entry.order_id}", cancelled_at=NOW) for entry in entries]
        await save_entries(storage, customer, *entries, *gone, a_stub(customer, cancelled_at=NOW))
        pages = {status: await page(storage, customer, status) for status in OrderStatus}
        assert pages == {
            OrderStatus.COMPLETED: (["e", "b", "a"], 3),
            OrderStatus.REFUNDED: (["d", "c"], 2),
            OrderStatus.CANCELLED: (["xe", "xd", "xc", "xb", "xa"], 5),
        }
        assert all(entry.order_id in pages[entry.status][0] for entry in [*entries, *gone])

    async def test_the_orders_of_an_unknown_customer_are_not_found(
        self, storage: Storage, tenant: str
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        assert await page(storage, customer) == ([], 0)
        await delete(storage, customer)
        with pytest.raises(CustomerNotFound):
            await page(storage, customer)
