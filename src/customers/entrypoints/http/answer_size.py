"""The size of answers: no list and no batch is answered with more than 4 MiB of rows.

A row is encoded when it is counted, so that nothing is encoded that is not sent.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Raw

from customers.entrypoints.http.body import RequestRejected
from customers.entrypoints.http.body_sizes import size_text
from customers.entrypoints.http.errors import ErrorResponse
from customers.entrypoints.json.encode import encode

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

Row = TypeVar("Row")

ANSWER_TOO_LARGE: Final = ErrorResponse(
    status=400,
    code="ANSWER_TOO_LARGE",
    message=f"the answer would exceed {size_text(MAX_ANSWER_BYTES)}: ask for fewer at a time, or "
    "walk the list by cursor, where it has one",
)


def first_rows(rows: Sequence[Row], as_json: Callable[[Row], Any]) -> list[Raw]:
    """As many of the rows as fit into an answer, encoded; at least one."""
    fitting: list[Raw] = []
    for encoded, size in _counted(rows, as_json):
        if fitting and size > MAX_ANSWER_BYTES:
            break
        fitting.append(encoded)
    return fitting


def all_rows(rows: Iterable[Row], as_json: Callable[[Row], Any]) -> list[Raw]:
    """All of the rows, encoded. Raises RequestRejected when they do not fit into an answer."""
    encoded_rows: list[Raw] = []
    for encoded, size in _counted(rows, as_json):
        if size > MAX_ANSWER_BYTES:
            raise RequestRejected(ANSWER_TOO_LARGE)
        encoded_rows.append(encoded)
    return encoded_rows


def _counted(rows: Iterable[Row], as_json: Callable[[Row], Any]) -> Iterator[tuple[Raw, int]]:
    """Each row, and the bytes of all up to it."""
    size = 0
    for row in rows:
        text = encode(as_json(row))
        size += len(text) + 1
        yield Raw(text), size
