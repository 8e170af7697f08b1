"""A search in a query: a plus that was not percent-encoded arrives as a space, and is restored."""

import pytest

from customers.entrypoints.http.gates import SearchGate


@pytest.mark.parametrize(
    ("raw", "search"),
    [
        (" 49 170 1234567", "+49 170 1234567"),
        (" 1 (415) 555-2671", "+1 (415) 555-2671"),
        ("+49 170", "+49 170"),
        (" ada smith ", "ada smith"),
        ("  49 170", "49 170"),
        (" 0170 1234567", "0170 1234567"),
    ],
)
def test_a_space_before_a_number_is_a_plus(raw: str, search: str) -> None:
    assert SearchGate(max_length=100).read(raw) == search
