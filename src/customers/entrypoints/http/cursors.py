"""Cursors: positions in lists, each sealed and bound to its list, with the filters and the sort.

A cursor holds the key of the last row of a page, which may be an e-mail address. Callers store
cursors and log the URLs that contain them, so cursors are encrypted. A cursor is refused unless a
key of this deployment sealed it for the same tenant, path, filters and sort.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from attrs import frozen
from msgspec import Meta

from customers.core.errors import InvalidValue
from customers.core.model.query import CustomerKey, JournalKey, SortField, SortValue
from customers.entrypoints.http.seal import BrokenSeal, Seal

# More than the longest sort value and an id need when they are sealed.
_MAX_LENGTH = 2_048
_Moment = Annotated[datetime, Meta(tz=True)]
_Text = Annotated[str, Meta(max_length=254, pattern=r"\A[^\x00]*\Z")]
_Amount = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,24}(\.[0-9]{1,9})?\Z")]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

_AMOUNT: Final[Any] = tuple[_Amount, UUID]
# What the cursors of each sort hold.
_CONTENTS: Final[dict[SortField, Any]] = {
    SortField.CREATED_AT: tuple[_Moment, UUID],
    SortField.UPDATED_AT: tuple[_Moment, UUID],
    SortField.EMAIL: tuple[_Text, UUID],
    SortField.FIRST_NAME: tuple[_Text, UUID],
    SortField.LAST_NAME: tuple[_Text, UUID],
    SortField.TOTAL_SPENT: _AMOUNT,
    SortField.TOTAL_ORDERS: tuple[_Count, UUID],
    SortField.AVERAGE_ORDER_VALUE: _AMOUNT,
    SortField.LIFETIME_VALUE: _AMOUNT,
    SortField.LAST_ORDER_DATE: tuple[_Moment | None, UUID],
    SortField.FIRST_ORDER_DATE: tuple[_Moment | None, UUID],
}
# Rows of a journal have our own ids; orders have the ids of another system.
_JOURNAL: Final[Any] = tuple[_Moment, UUID]
_LEDGER: Final[Any] = tuple[_Moment, Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,100}\Z")]]


def scope_of(*parts: object) -> bytes:
    """The bytes to which a cursor is bound, which are the same in every process."""
    return json.dumps(parts).encode()


@frozen
class Cursors:
    """Makes cursors, and reads them back."""

    _seal: Seal

    def of_customer(self, key: CustomerKey, scope: bytes) -> str:
        return self._sealed([_stable(key.value), key.id], scope)

    def customer_key(self, cursor: str, by: SortField, scope: bytes) -> CustomerKey:
        """The key in a cursor. Raises InvalidValue for anything but a cursor of this scope."""
        kind = _CONTENTS[by]
        value, customer_id = self._content(cursor, kind, scope)
        return CustomerKey(value=Decimal(value) if kind is _AMOUNT else value, id=customer_id)

    def of_row(self, key: JournalKey, scope: bytes) -> str:
        return self._sealed([key.at, key.id], scope)

    def row_key(self, cursor: str, scope: bytes, *, of_ledger: bool = False) -> JournalKey:
        """The key in a cursor. Raises InvalidValue for anything but a cursor of this scope."""
        at, row_id = self._content(cursor, _LEDGER if of_ledger else _JOURNAL, scope)
        return JournalKey(at=at, id=str(row_id))

    def _sealed(self, row: Sequence[object], scope: bytes) -> str:
        return self._seal.seal(msgspec.json.encode(row), scope)

    def _content(self, cursor: str, kind: Any, scope: bytes) -> Any:
        if len(cursor) > _MAX_LENGTH:
            raise _invalid_cursor()
        try:
            content = msgspec.json.decode(self._seal.open(cursor, scope), type=kind)
        except (BrokenSeal, ValueError, RecursionError):
            raise _invalid_cursor() from None
        if isinstance(content[0], datetime) and content[0].utcoffset():
            raise _invalid_cursor()
        return content


def _stable(value: SortValue) -> SortValue:
    """The value; an amount as a text that does not depend on how many decimals a storage has."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _invalid_cursor() -> InvalidValue:
    return InvalidValue(
        "INVALID_VALUE", "must be a cursor of this list with the same filters and sort"
    )
