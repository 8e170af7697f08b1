"""Equal positions have equal cursors, whichever storage they were read from. A cursor reveals
nothing, and odd content is refused even if its seal is genuine.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from customers.core.errors import InvalidValue
from customers.core.model.query import CustomerKey, JournalKey, SortField
from customers.entrypoints.http.cursors import Cursors, scope_of
from customers.entrypoints.http.seal import BrokenSeal, Seal
from tests.support.builders import NOW, an_id

SCOPE = scope_of("tenant", "/customers")
OLD, NEW = b"the old secret of the deployment", b"the new secret of the deployment"
SEAL = Seal([OLD])
CURSORS = Cursors(SEAL)
ID = str(an_id())


@pytest.mark.parametrize("amount", ["112.5", "112.50", "112.5000"])
def test_equal_amounts_have_equal_cursors(amount: str) -> None:
    key = CustomerKey(value=Decimal("112.5"), id=an_id())
    cursor = CURSORS.of_customer(CustomerKey(value=Decimal(amount), id=key.id), SCOPE)
    assert cursor == CURSORS.of_customer(key, SCOPE)
    assert CURSORS.customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == key


@pytest.mark.parametrize(
    "amount", ["0", "0.0000", "-2.5", "1000", "10000000000000000000", "0.0001"]
)
def test_an_amount_of_any_size_is_read_back(amount: str) -> None:
    key = CustomerKey(value=Decimal(amount), id=an_id())
    cursor = CURSORS.of_customer(key, SCOPE)
    assert CURSORS.customer_key(cursor, SortField.TOTAL_SPENT, SCOPE) == key


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (SortField.CREATED_AT, NOW),
        (SortField.UPDATED_AT, datetime.max.replace(tzinfo=UTC)),
        (SortField.LAST_ORDER_DATE, None),
        (SortField.FIRST_ORDER_DATE, datetime.min.replace(tzinfo=UTC)),
        (SortField.EMAIL, f"{'é' * 240}@example.test"),
        (SortField.FIRST_NAME, "\U0001f600" * 100),
        (SortField.LAST_NAME, ""),
        (SortField.TOTAL_ORDERS, 2**63 - 1),
    ],
)
def test_a_key_of_any_sort_is_read_back(by: SortField, value: datetime | str | int | None) -> None:
    key = CustomerKey(value=value, id=an_id())
    assert CURSORS.customer_key(CURSORS.of_customer(key, SCOPE), by, SCOPE) == key


def test_a_key_of_an_order_is_read_back() -> None:
    key = JournalKey(at=NOW, id="no-uuid/!")
    cursor = CURSORS.of_row(key, SCOPE)
    assert CURSORS.row_key(cursor, SCOPE, of_ledger=True) == key
    with pytest.raises(InvalidValue):
        CURSORS.row_key(cursor, SCOPE)


def test_texts_of_similar_length_have_cursors_of_the_same_length() -> None:
    lengths = {
        len(CURSORS.of_customer(CustomerKey(value="a" * length, id=an_id()), SCOPE))
        for length in range(1, 20)
    }
    assert len(lengths) == 1


def test_a_new_key_replaces_an_old_one_whose_cursors_still_open() -> None:
    key, rotated = CustomerKey(value=NOW, id=an_id()), Cursors(Seal([NEW, OLD]))
    old, new = CURSORS.of_customer(key, SCOPE), rotated.of_customer(key, SCOPE)
    for cursor in (old, new):
        assert rotated.customer_key(cursor, SortField.CREATED_AT, SCOPE) == key
    with pytest.raises(InvalidValue):
        CURSORS.customer_key(new, SortField.CREATED_AT, SCOPE)


def test_a_seal_opens_for_its_scope_only_and_in_one_spelling() -> None:
    text = SEAL.seal(b"{}", SCOPE)
    assert SEAL.open(text, SCOPE).strip() == b"{}"
    for other in (text + "=", text + "\n", f" {text}", "+" + text[1:], text[:-1], "", "AAAA", "é"):
        with pytest.raises(BrokenSeal):
            SEAL.open(other, SCOPE)
    with pytest.raises(BrokenSeal):
        SEAL.open(text, SCOPE + b" ")


ODD_VALUES: dict[SortField, list[object]] = {
    SortField.CREATED_AT: [
        *(None, "", 17, "2026-01-15", "2026-01-15T09:00:00", "0001-01-01T00:00:00+14:00"),
        *("9999-12-31T23:59:59-14:00", [], {}, True),
    ],
    SortField.EMAIL: [None, 1, "a\0b", "a" * 255, "\ud800", []],
    SortField.TOTAL_SPENT: [None, 1.5, "NaN", "sNaN", "-Infinity", "1E+999999999", "1" * 30, "x"],
    SortField.TOTAL_ORDERS: [None, -1, 2**63, 10**400, 1.5, "1", True],
    SortField.LAST_ORDER_DATE: ["", 0, "NaN"],
}
MOMENT = "2026-01-15T09:00:00Z"
ODD_ROWS: list[object] = [None, {}, [], [MOMENT], [MOMENT, ID, ID], [None, ID], [17, ID]]
ODD_IDS: list[object] = [None, 1, "", "\0", "é", [ID], {}, "a" * 101]
RAW = [b"", b"[", b"\xff\xfe", b'["\xed\xa0\x80",1]', b"[" * 100_000, b"null" * 3]


@pytest.mark.parametrize("by", ODD_VALUES)
def test_odd_values_are_refused_although_their_seal_is_genuine(by: SortField) -> None:
    for value in ODD_VALUES[by]:
        text = SEAL.seal(json.dumps([value, ID]).encode(), SCOPE)
        with pytest.raises(InvalidValue):
            CURSORS.customer_key(text, by, SCOPE)


def test_odd_rows_are_refused_although_their_seal_is_genuine() -> None:
    rows = [*ODD_ROWS, *([MOMENT, id] for id in ODD_IDS)]
    readers: list[Callable[[str], object]] = [
        lambda text: CURSORS.customer_key(text, SortField.CREATED_AT, SCOPE),
        lambda text: CURSORS.row_key(text, SCOPE),
        lambda text: CURSORS.row_key(text, SCOPE, of_ledger=True),
    ]
    for content in (*RAW, *(json.dumps(row).encode() for row in rows)):
        for read in readers:
            with pytest.raises(InvalidValue):
                read(SEAL.seal(content, SCOPE))
