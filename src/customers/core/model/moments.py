"""The gates of moments (date and time) and days (date)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.values import WHITESPACE, text_of

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@frozen
class MomentGate:
    """The gate of moments: RFC 3339 with an offset; converted to UTC, truncated to microseconds."""

    def read(self, raw: object) -> datetime:
        match = _MOMENT.fullmatch(text_of(raw).strip(WHITESPACE))
        if not match:
            raise InvalidValue("INVALID_FORMAT", "must be an RFC 3339 date and time with an offset")
        day, clock, fraction, offset = match.groups()
        micros = ((fraction or "") + "000000")[:6]
        try:
            local = datetime.fromisoformat(f"{day}T{clock}.{micros}")
            return local.replace(tzinfo=_offset(offset)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidValue("INVALID_VALUE", "must be a valid date and time") from error


@frozen
class DayGate:
    """The gate of days: `1990-01-31`, or its midnight in UTC as an RFC 3339 date and time."""

    def read(self, raw: object) -> date:
        value = text_of(raw).strip(WHITESPACE)
        if not _DATE.fullmatch(value):
            moment = MomentGate().read(value)
            if moment.time().isoformat() != "00:00:00":
                raise InvalidValue("INVALID_FORMAT", "must be a date, or midnight of a date in UTC")
            return moment.date()
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise InvalidValue("INVALID_VALUE", "must be a valid date") from error


Moment = Annotated[datetime, MomentGate()]


Day = Annotated[date, DayGate()]


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if minutes > 59 or hours > 23:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
