"""Gates: what a single value must be before the model holds it.

A field says its gate in its type, `Annotated[str, TextGate(most=100)]`. A gate takes a decoded
JSON value, returns the value as it is stored (trimmed, NFC, in UTC) or raises `InvalidValue`. Money
has a module of its own, because its gate depends on the deployment's currency.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

from attrs import AttrsInstance, fields, frozen
from email_validator import EmailNotValidError, validate_email

from customers.core.errors import InvalidValue
from customers.core.model.folding import fold
from customers.core.model.normal import normal

MOST_TAGS = 50

_WHITE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PHONE = re.compile(r"[0-9+\-()./ x]*")
_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Unset(Enum):
    """Not given, where None is a value of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Gate(Protocol):
    def read(self, raw: object) -> object:
        """The value as the model keeps it; raises Refused."""


@frozen(kw_only=True)
class TextGate:
    """Trimmed NFC text of at most `most` characters, on one line unless `lines`."""

    most: int
    lines: bool = False
    blank: bool = True
    least: int = 0

    def read(self, raw: object) -> str:
        value = _string(raw).strip(_WHITE)
        if self.lines:
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        if _SURROGATE.search(value):
            raise InvalidValue("INVALID_VALUE", "must not hold half of a surrogate pair")
        if (_CONTROL_BUT_LINES if self.lines else _CONTROL).search(value):
            raise InvalidValue("INVALID_VALUE", "must not hold control characters")
        return self._sized(normal("NFC", value))

    def _sized(self, value: str) -> str:
        if not value and not self.blank:
            raise InvalidValue("REQUIRED", "must not be empty")
        if len(value) > self.most:
            raise InvalidValue("MAX_LENGTH", f"must have at most {self.most:,} characters")
        if len(value) < self.least:
            raise InvalidValue("MIN_LENGTH", f"must have at least {self.least:,} characters")
        return value


@frozen
class EmailGate:
    """A syntactically valid address (RFC 5321, 5322, 6531), kept as given."""

    def read(self, raw: object) -> str:
        value = TextGate(most=254, blank=False).read(raw)
        try:
            validate_email(value, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise InvalidValue("INVALID_FORMAT", "must be a valid e-mail address") from error
        return value


@frozen
class PhoneGate:
    def read(self, raw: object) -> str:
        value = TextGate(most=50).read(raw)
        if not _PHONE.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be digits, spaces and + - ( ) . / x")
        return value


@frozen(kw_only=True)
class CountryCodeGate:
    """Two letters, upper-cased; empty where the field may be."""

    blank: bool = True

    def read(self, raw: object) -> str:
        value = _string(raw).strip(_WHITE)
        if not value and not self.blank:
            raise InvalidValue("REQUIRED", "must not be empty")
        if value and not _TWO_LETTERS.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be a country code of two letters")
        return value.upper()


@frozen
class IdGate:
    """A dashed UUID of any version, in any letter case."""

    def read(self, raw: object) -> UUID:
        if not _UUID.fullmatch(value := _string(raw).strip(_WHITE)):
            raise InvalidValue("INVALID_FORMAT", "must be a UUID")
        return UUID(value)


@frozen(kw_only=True)
class IdsGate:
    """A list of 1 to `most` ids; repeats are kept."""

    most: int

    def read(self, raw: object) -> tuple[UUID, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of UUIDs")
        if not raw:
            raise InvalidValue("REQUIRED", "must not be empty")
        if len(raw) > self.most:
            raise InvalidValue("MAX_LENGTH", f"must be at most {self.most:,} ids")
        return tuple(map(IdGate().read, raw))


@frozen(kw_only=True)
class VisibleGate:
    """An outside system's id: 1 to `most` visible ASCII characters."""

    most: int = 100

    def read(self, raw: object) -> str:
        value = TextGate(most=self.most, blank=False).read(raw)
        if not _VISIBLE.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be visible ASCII characters")
        return value


@frozen
class MomentGate:
    """RFC 3339 with an offset, kept in UTC; finer than microseconds is truncated."""

    def read(self, raw: object) -> datetime:
        found = _MOMENT.fullmatch(_string(raw).strip(_WHITE))
        if not found:
            raise InvalidValue("INVALID_FORMAT", "must be an RFC 3339 moment with an offset")
        day, clock, fraction, offset = found.groups()
        micros = ((fraction or "") + "000000")[:6]
        try:
            local = datetime.fromisoformat(f"{day}T{clock}.{micros}")
            return local.replace(tzinfo=_offset(offset)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidValue("INVALID_VALUE", "must be a moment of the calendar") from error


@frozen
class DayGate:
    """A day: `1990-01-31`, or its midnight in UTC as an RFC 3339 moment."""

    def read(self, raw: object) -> date:
        value = _string(raw).strip(_WHITE)
        if not _DATE.fullmatch(value):
            moment = MomentGate().read(value)
            if moment.time().isoformat() != "00:00:00":
                raise InvalidValue("INVALID_FORMAT", "must be a date, or its midnight in UTC")
            return moment.date()
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise InvalidValue("INVALID_VALUE", "must be a day of the calendar") from error


@frozen
class TagsGate:
    """At most 50 tags of 100 characters; of those that fold alike the first is kept."""

    def read(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of strings")
        gate = TextGate(most=100, blank=False)
        kept: dict[str, str] = {}
        for tag in map(gate.read, raw):
            kept.setdefault(fold(tag), tag)
        if len(kept) > MOST_TAGS:
            raise InvalidValue("MAX_LENGTH", f"must be at most {MOST_TAGS} tags")
        return tuple(kept.values())


@frozen
class WholeNumberGate:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def read(self, raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise InvalidValue("INVALID_TYPE", "must be a whole number")
        if not self.least <= raw <= self.most:
            raise InvalidValue("INVALID_VALUE", f"must be from {self.least} to {self.most}")
        return raw


@frozen
class FlagGate:
    def read(self, raw: object) -> bool:
        if not isinstance(raw, bool):
            raise InvalidValue("INVALID_TYPE", "must be true or false")
        return raw


@frozen
class ChoiceGate:
    """One of an enumeration's values, in any letter case."""

    kind: type[StrEnum]

    def read(self, raw: object) -> StrEnum:
        wanted = _string(raw).strip(_WHITE).casefold()
        for choice in self.kind:
            if choice.value.casefold() == wanted:
                return choice
        raise InvalidValue("INVALID_VALUE", f"must be one of {', '.join(self.kind)}")


Tenant = Annotated[str, TextGate(most=255, blank=False)]
Email = Annotated[str, EmailGate()]
Phone = Annotated[str, PhoneGate()]
Id = Annotated[UUID, IdGate()]
Moment = Annotated[datetime, MomentGate()]
Day = Annotated[date, DayGate()]
Tags = Annotated[tuple[str, ...], TagsGate()]
Flag = Annotated[bool, FlagGate()]


def email_key(email: str) -> str:
    """What makes an e-mail address unique in a tenant: its NFC lower-cased form."""
    return normal("NFC", email.lower())


def given(change: AttrsInstance) -> dict[str, Any]:
    """The fields of a change that are not UNSET."""
    named = ((each.name, getattr(change, each.name)) for each in fields(type(change)))
    return {name: value for name, value in named if value is not UNSET}


def _string(raw: object) -> str:
    if not isinstance(raw, str):
        raise InvalidValue("INVALID_TYPE", "must be a string")
    return raw


def _offset(written: str) -> timezone:
    if written in "Zz":
        return UTC
    hours, minutes = int(written[1:3]), int(written[4:6])
    if minutes > 59 or hours > 23:
        raise ValueError(written)
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if written[0] == "-" else away)
