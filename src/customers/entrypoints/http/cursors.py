"""Cursors: a position in a list, opaque to callers and bound to the list's tenant, path and query.

A cursor holds the key of the last row, and a digest of that key and of the scope it is bound to, so
that a tampered cursor, or one used with other filters, is detected. It is no secret: callers only
see their own rows.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from customers.core.errors import InvalidValue
from customers.core.model.query import CustomerKey, JournalKey, SortField, SortValue

_DIGEST_BYTES = 12
_MOMENT_FIELDS = (
    SortField.CREATED_AT,
    SortField.UPDATED_AT,
    SortField.FIRST_ORDER_DATE,
    SortField.LAST_ORDER_DATE,
)
_NUMBER_FIELDS = (SortField.TOTAL_SPENT, SortField.AVERAGE_ORDER_VALUE, SortField.LIFETIME_VALUE)


def scope_of(*parts: object) -> bytes:
    """The bytes that a cursor is bound to: the same in every process."""
    return json.dumps(parts).encode()


def customer_cursor(key: CustomerKey, scope: bytes) -> str:
    return _seal([_json_value(key.value), str(key.id)], scope)


def customer_key(cursor: str, by: SortField, scope: bytes) -> CustomerKey:
    """Raises InvalidValue for a cursor of another scope."""
    value, customer_id = _open(cursor, scope)
    return CustomerKey(value=_sort_value(value, by), id=UUID(customer_id))


def journal_cursor(key: JournalKey, scope: bytes) -> str:
    return _seal([key.at.isoformat(), key.id], scope)


def journal_key(cursor: str, scope: bytes) -> JournalKey:
    """Raises InvalidValue for a cursor of another scope."""
    at, row_id = _open(cursor, scope)
    return JournalKey(at=datetime.fromisoformat(at), id=row_id)


def _json_value(value: SortValue) -> str | int | None:
    """The value as JSON; equal amounts have the same text, however a storage scales them."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _sort_value(value: Any, by: SortField) -> SortValue:
    if value is None:
        return None
    if by in _MOMENT_FIELDS:
        return datetime.fromisoformat(value)
    if by in _NUMBER_FIELDS:
        return Decimal(value)
    return value  # type: ignore[no-any-return]


def _seal(row: Sequence[Any], scope: bytes) -> str:
    payload = msgspec.json.encode(row)
    return base64.urlsafe_b64encode(_digest(payload, scope) + payload).rstrip(b"=").decode()


def _open(cursor: str, scope: bytes) -> list[Any]:
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid_cursor() from error
    digest, payload = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
    canonical = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    if digest != _digest(payload, scope) or canonical != cursor:
        raise _invalid_cursor()
    return list(msgspec.json.decode(payload))


def _digest(payload: bytes, scope: bytes) -> bytes:
    bound = payload + b"\0" + scope
    return blake2b(bound, digest_size=_DIGEST_BYTES, person=b"customers").digest()


def _invalid_cursor() -> InvalidValue:
    return InvalidValue("INVALID_VALUE", "must be a cursor of this list with these filters")
