"""Exact numbers as callers give them. What an amount of money may be is said in `money`."""

import re
from decimal import Decimal, InvalidOperation

from customers.core.errors import InvalidValue

MOST_DIGITS = 38

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ZERO = Decimal(0)


def number(raw: object, *, most: int = MOST_DIGITS) -> Decimal:
    """The exact value of a JSON number, or of a string that holds one; raises Refused.

    Written out without an exponent it has at most `most` digits, those behind the point included,
    so that it is cheap to compare and fits every storage.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | str):
        raise InvalidValue("INVALID_TYPE", "must be a number")
    if isinstance(raw, str) and not _JSON_NUMBER.fullmatch(raw := raw.strip()):
        raise InvalidValue("INVALID_FORMAT", "must be a number")
    value = _decimal(raw, most)
    if not value.is_finite() or _digits(value) > most:
        raise InvalidValue("INVALID_VALUE", f"must have at most {most} digits")
    return value or _ZERO


def _decimal(raw: int | Decimal | str, most: int) -> Decimal:
    """The exact decimal; infinite when it is too large to be worth converting."""
    if isinstance(raw, int) and raw.bit_length() > 4 * most:
        return Decimal("Infinity")
    try:
        return Decimal(raw)
    except InvalidOperation:  # an exponent beyond what decimals can hold
        return Decimal("Infinity")


def _digits(value: Decimal) -> int:
    if not value:
        return 1
    exponent = value.as_tuple().exponent
    behind = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return max(value.adjusted() + 1, 0) + behind
