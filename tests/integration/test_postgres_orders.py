"""How many statements it takes to record an order or its repeat, and what a repeat may add."""

from decimal import Decimal

import pytest
from attrs import evolve

from customers.core.errors.ledger import OrderConflict
from customers.core.model.money import Money
from customers.core.model.order import Order
from customers.core.ports.storage import Storage
from customers.core.services.orders import Orders
from tests.support.builders import NOW, FixedClock
from tests.support.statement_count import counting_statements
from tests.support.storage_steps import a_stored_customer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

ORDER = Order(order_id="order-1", total_amount=Money(Decimal(10)))


async def test_a_new_order_is_one_statement_and_a_repeat_two(storage: Storage, tenant: str) -> None:
    customer = await a_stored_customer(storage, tenant)
    orders = Orders(storage, FixedClock(NOW))
    with counting_statements() as statements:
        new = await orders.record(tenant, customer.id, ORDER)
        assert statements.number == 1
        repeated = await orders.record(tenant, customer.id, ORDER)
        assert statements.number == 3
        with pytest.raises(OrderConflict):
            await orders.record(tenant, customer.id, evolve(ORDER, total_amount=Money(Decimal(9))))
        assert statements.number == 5
    assert (new.duplicate, repeated.duplicate) == (False, True)
    assert repeated.customer == new.customer


async def test_a_repeat_that_says_more_is_stored(storage: Storage, tenant: str) -> None:
    customer = await a_stored_customer(storage, tenant)
    orders = Orders(storage, FixedClock(NOW))
    await orders.record(tenant, customer.id, ORDER)
    repeated = await orders.record(tenant, customer.id, evolve(ORDER, order_number="No 7"))
    assert repeated.duplicate
    recorded = await orders.get(tenant, customer.id, ORDER.order_id)
    assert recorded.entry.order_number == "No 7"
