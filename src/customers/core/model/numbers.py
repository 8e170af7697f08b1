"""Exact numbers from JSON. The limits of amounts of money are in `money`."""

import re
from decimal import Decimal, InvalidOperation

from customers.core.errors import InvalidValue

MAX_DIGITS = 38

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ZERO = Decimal(0)
# Far more characters than a number needs; a longer text is refused at once.
_MAX_TEXT = 5_000


def exact_number(raw: object, *, max_digits: int = MAX_DIGITS) -> Decimal:
    """The exact value of a JSON number, or of a string that contains one. Raises InvalidValue. The
    number has at most `max_digits` digits when it is written without an exponent, decimals
    included, so that it is cheap to compare and fits every storage.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | str):
        raise InvalidValue("INVALID_TYPE", "must be a number")
    if isinstance(raw, str):
        raw = _number_text(raw)
    value = _decimal(raw, max_digits)
    if not value.is_finite() or _digits(value) > max_digits:
        raise InvalidValue("INVALID_VALUE", f"must have at most {max_digits} digits")
    return value or _ZERO


def _number_text(text: str) -> str:
    if len(text) > _MAX_TEXT or not _JSON_NUMBER.fullmatch(text := text.strip()):
        raise InvalidValue("INVALID_FORMAT", "must be a number")
    return text


def _decimal(raw: int | Decimal | str, max_digits: int) -> Decimal:
    """The exact decimal; infinity when it is too large to be worth converting."""
    if isinstance(raw, int) and raw.bit_length() > 4 * max_digits:
        return Decimal("Infinity")
    try:
        return Decimal(raw)
    except InvalidOperation:  # an exponent beyond the range of decimals
        return Decimal("Infinity")


def _digits(value: Decimal) -> int:
    if not value:
        return 1
    exponent = value.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return max(value.adjusted() + 1, 0) + decimals
