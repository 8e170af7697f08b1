"""The size of answers: lists that can be large, batches and previews have at most 4 MiB of rows.

Rows are encoded only until their size exceeds the limit, so few are encoded but not sent.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Raw

from customers.entrypoints.http.body import RequestRejected
from customers.entrypoints.http.body_sizes import size_text
from customers.entrypoints.http.errors import ErrorResponse
from customers.entrypoints.json.encode import encode

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
# How many rows are encoded together, which is faster than one by one.
_TOGETHER: Final = 25

Row = TypeVar("Row")

ANSWER_TOO_LARGE: Final = ErrorResponse(
    status=400,
    code="ANSWER_TOO_LARGE",
    message=f"the answer would exceed {size_text(MAX_ANSWER_BYTES)}: ask for fewer at a time, or "
    "walk the list by cursor, where it has one",
)


def first_rows(
    rows: Sequence[Row], as_json: Callable[[Row], Any], room: int = MAX_ANSWER_BYTES
) -> tuple[Raw, int]:
    """The first rows that fit into `room` bytes, but at least one, in JSON; and their number."""
    parts, count = list[bytes](), 0
    for text, rows_of_text in _encoded(rows, as_json):
        room -= len(text)
        if room < 0 and parts:
            break
        parts.append(text)
        count += rows_of_text
    return Raw(b"[" + b",".join(parts) + b"]"), count


def all_rows(rows: Sequence[Row], as_json: Callable[[Row], Any]) -> Raw:
    """All rows as a JSON array. Raises RequestRejected if they do not fit into an answer."""
    array, count = first_rows(rows, as_json)
    if count < len(rows):
        raise RequestRejected(ANSWER_TOO_LARGE)
    return array


def _encoded(rows: Sequence[Row], as_json: Callable[[Row], Any]) -> Iterator[tuple[bytes, int]]:
    """The rows as JSON texts, each with its number of rows: several rows, separated by commas, or
    one row if rows are large.
    """
    for start in range(0, len(rows), _TOGETHER):
        values = [as_json(row) for row in rows[start : start + _TOGETHER]]
        text = encode(values)[1:-1]
        if len(text) <= MAX_ANSWER_BYTES // 8:
            yield text, len(values)
        else:
            yield from ((encode(value), 1) for value in values)
