"""Equal positions have equal cursors, whichever storage they were read from."""

from decimal import Decimal

import pytest

from customers.core.model.query import CustomerKey, SortField
from customers.entrypoints.http.cursors import customer_cursor, customer_key, scope_of
from tests.support.builders import an_id

SCOPE = scope_of("tenant", "/customers")


@pytest.mark.parametrize("amount", ["112.5", "112.50", "112.5000"])
def test_equal_amounts_have_equal_cursors(amount: str) -> None:
    key = CustomerKey(value=Decimal("112.5"), id=an_id())
    cursor = customer_cursor(CustomerKey(value=Decimal(amount), id=key.id), SCOPE)
    assert cursor == customer_cursor(key, SCOPE)
    assert customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == key


@pytest.mark.parametrize("amount", ["0", "0.0000", "1000", "10000000000000000000", "0.0001"])
def test_an_amount_of_any_size_is_read_back(amount: str) -> None:
    key = CustomerKey(value=Decimal(amount), id=an_id())
    cursor = customer_cursor(key, SCOPE)
    assert customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == key
