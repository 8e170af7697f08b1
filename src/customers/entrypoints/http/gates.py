"""The gates of query parameters, and of a shopper's id in a path; others are in `core.model`."""

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.contact_gates import EmailGate
from customers.core.model.moments import DayGate, MomentGate
from customers.core.model.numbers import exact_number
from customers.core.model.values import TextGate

_WHOLE_NUMBER = re.compile(r"\+?(?=[0-9])0*([0-9]*)")
_SPACE_AND_NUMBER = re.compile(r" [1-9][0-9 ().\-/x]*")
# Larger numbers are treated as this one: no page number, order count or sequence is so large.
_MAX_COUNT = 10**15
_LAST_INSTANT = timedelta(days=1) - timedelta(microseconds=1)


@frozen
class CountGate:
    """A whole number of at least `least`, which is 0 or 1."""

    least: int = 1

    def read(self, raw: object) -> int:
        digits = _WHOLE_NUMBER.fullmatch(str(raw).strip())
        count = -1 if digits is None else int(digits[1][:16] or 0)
        if count < self.least:
            raise InvalidValue("INVALID_VALUE", f"must be a whole number of at least {self.least}")
        return min(count, _MAX_COUNT)


@frozen
class BooleanGate:
    """`true` or `false`, in any letter case."""

    def read(self, raw: object) -> bool:
        text = str(raw).strip().lower()
        if text not in ("true", "false"):
            raise InvalidValue("INVALID_VALUE", "must be true or false")
        return text == "true"


@frozen
class AddressGate:
    """An e-mail address. A space becomes a plus: callers often do not percent-encode the plus."""

    def read(self, raw: object) -> str:
        return EmailGate().read(str(raw).strip().replace(" ", "+"))


@frozen(kw_only=True)
class SearchGate(TextGate):
    """A text to search for. A space before a phone number becomes a plus: callers often do not
    percent-encode the plus.
    """

    def read(self, raw: object) -> str:
        text = str(raw)
        return super().read(f"+{text[1:]}" if _SPACE_AND_NUMBER.fullmatch(text) else text)


@frozen
class NumberGate:
    """An exact decimal."""

    def read(self, raw: object) -> Decimal:
        return exact_number(raw)


@frozen
class RangeEndGate:
    """One end of a range of moments: a moment or a day in UTC. A day stands for its first instant,
    or for its last one if `is_upper`.
    """

    is_upper: bool

    def read(self, raw: object) -> datetime:
        try:
            return MomentGate().read(raw)
        except InvalidValue:
            day = DayGate().read(raw)
        start = datetime.combine(day, time.min, tzinfo=UTC)
        return start + _LAST_INSTANT if self.is_upper else start


@frozen(kw_only=True)
class PageSizeLimit:
    """Marks a field as the size of a page; numbers above `limit` are treated as `limit`."""

    limit: int


@frozen
class AnyTextGate:
    """Any text, unchanged."""

    def read(self, raw: object) -> str:
        return str(raw)


@frozen(kw_only=True)
class CursorGate:
    """Any text: whether it is a cursor of the list is checked later. With `keeps_empty`, an empty
    cursor is not the same as no cursor.
    """

    keeps_empty: bool = False

    def read(self, raw: object) -> str:
        return str(raw)
