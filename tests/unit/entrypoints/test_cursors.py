"""Cursors are the same text for the same place, whatever storage the place was read from."""

from decimal import Decimal

import pytest

from customers.core.model.query import CustomerKey, SortField
from customers.entrypoints.http.cursors import customer_cursor, customer_key, scope_of
from tests.support.builders import an_id

SCOPE = scope_of("tenant", "/customers")


@pytest.mark.parametrize("written", ["112.5", "112.50", "112.5000"])
def test_an_amount_is_written_as_its_value(written: str) -> None:
    place = CustomerKey(value=Decimal("112.5"), id=an_id())
    cursor = customer_cursor(CustomerKey(value=Decimal(written), id=place.id), SCOPE)
    assert cursor == customer_cursor(place, SCOPE)
    assert customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == place


@pytest.mark.parametrize("written", ["0", "0.0000", "1000", "10000000000000000000", "0.0001"])
def test_an_amount_of_any_size_comes_back(written: str) -> None:
    place = CustomerKey(value=Decimal(written), id=an_id())
    cursor = customer_cursor(place, SCOPE)
    assert customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == place
