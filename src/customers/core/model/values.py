"""Gates check and normalise single values before the model holds them.

A field names its gate in its type: `Annotated[str, TextGate(max_length=100)]`. A gate takes a
decoded JSON value and returns it as it is stored (trimmed, NFC, in UTC), or raises InvalidValue.
Gates of money depend on the currency of the deployment: see `money`.
"""

import re
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

from attrs import AttrsInstance, fields, frozen

from customers.core.errors import InvalidValue
from customers.core.model.folding import fold
from customers.core.model.unicode_forms import normalize

MAX_TAGS = 50
# A text or a list of tags longer than this many times its limit is refused at once. Others are
# processed first: trimming, composing or removing duplicates may bring them within the limit.
MAX_EXCESS = 4
_MAX_CHOICE = 100

WHITESPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_EXCEPT_LINE_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class Unset(Enum):
    """The value of a field that a change does not set. None is a value that some fields can get."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Gate(Protocol):
    def read(self, raw: object) -> object:
        """The value as the model stores it. Raises InvalidValue."""


@frozen(kw_only=True)
class TextGate:
    """The gate of texts: trimmed, in NFC, `min_length` to `max_length` characters, not empty unless
    `blank`, on one line unless `multiline`.

    A text that is longer than four times `max_length` is refused before it is trimmed and
    normalised.
    """

    max_length: int
    min_length: int = 0
    multiline: bool = False
    blank: bool = True

    def read(self, raw: object) -> str:
        if len(text := text_of(raw)) > MAX_EXCESS * self.max_length:
            raise self._too_long()
        value = text.strip(WHITESPACE)
        if self.multiline:
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        if _SURROGATE.search(value):
            raise InvalidValue("INVALID_VALUE", "must not contain unpaired surrogates")
        if (_CONTROL_EXCEPT_LINE_BREAKS if self.multiline else _CONTROL).search(value):
            raise InvalidValue("INVALID_VALUE", "must not contain control characters")
        return self._of_valid_length(normalize("NFC", value))

    def _of_valid_length(self, value: str) -> str:
        if not value and not self.blank:
            raise InvalidValue("REQUIRED", "must not be empty")
        if len(value) > self.max_length:
            raise self._too_long()
        if len(value) < self.min_length:
            raise InvalidValue("MIN_LENGTH", f"must have at least {self.min_length:,} characters")
        return value

    def _too_long(self) -> InvalidValue:
        return InvalidValue("MAX_LENGTH", f"must have at most {self.max_length:,} characters")


@frozen
class IdGate:
    """The gate of ids: a dashed UUID of any version, in any letter case."""

    def read(self, raw: object) -> UUID:
        if not _UUID.fullmatch(value := text_of(raw).strip(WHITESPACE)):
            raise InvalidValue("INVALID_FORMAT", "must be a UUID")
        return UUID(value)


@frozen(kw_only=True)
class IdsGate:
    """The gate of lists of 1 to `limit` ids, duplicates included."""

    limit: int

    def read(self, raw: object) -> tuple[UUID, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of UUIDs")
        if not raw:
            raise InvalidValue("REQUIRED", "must not be empty")
        if len(raw) > self.limit:
            raise InvalidValue("MAX_LENGTH", f"must have at most {self.limit:,} ids")
        return tuple(map(IdGate().read, raw))


@frozen(kw_only=True)
class VisibleGate:
    """The gate of ids from other systems: 1 to `max_length` visible ASCII characters."""

    max_length: int = 100

    def read(self, raw: object) -> str:
        value = TextGate(max_length=self.max_length, blank=False).read(raw)
        if not _VISIBLE.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be visible ASCII characters")
        return value


@frozen
class TagsGate:
    """The gate of tags: at most 50, of at most 100 characters each. Of tags with the same folded
    form, only the first stays.

    A list of more than 200 tags is refused at once; shorter lists are counted without duplicates.
    """

    def read(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of strings")
        if len(raw) > MAX_EXCESS * MAX_TAGS:
            raise _too_many_tags()
        gate = TextGate(max_length=100, blank=False)
        tags: dict[str, str] = {}
        for tag in map(gate.read, raw):
            tags.setdefault(fold(tag), tag)
        if len(tags) > MAX_TAGS:
            raise _too_many_tags()
        return tuple(tags.values())


@frozen
class WholeNumberGate:
    """The gate of whole numbers from `minimum` to `maximum`."""

    minimum: int
    maximum: int

    def read(self, raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise InvalidValue("INVALID_TYPE", "must be a whole number")
        if not self.minimum <= raw <= self.maximum:
            raise InvalidValue("INVALID_VALUE", f"must be from {self.minimum} to {self.maximum}")
        return raw


@frozen
class FlagGate:
    def read(self, raw: object) -> bool:
        if not isinstance(raw, bool):
            raise InvalidValue("INVALID_TYPE", "must be true or false")
        return raw


@frozen
class ChoiceGate:
    """The gate of the values of an enumeration, in any letter case (of ASCII letters only)."""

    kind: type[StrEnum]

    def read(self, raw: object) -> StrEnum:
        value = text_of(raw)
        name = value.strip(WHITESPACE) if len(value) <= _MAX_CHOICE else ""
        for choice in self.kind:
            if name.isascii() and choice.value.casefold() == name.casefold():
                return choice
        raise InvalidValue("INVALID_VALUE", f"must be one of {', '.join(self.kind)}")


Id = Annotated[UUID, IdGate()]
Tags = Annotated[tuple[str, ...], TagsGate()]
Flag = Annotated[bool, FlagGate()]


def set_fields(change: AttrsInstance) -> dict[str, Any]:
    """The fields of a change that are not UNSET, by name."""
    values = {field.name: getattr(change, field.name) for field in fields(type(change))}
    return {name: value for name, value in values.items() if value is not UNSET}


def _too_many_tags() -> InvalidValue:
    return InvalidValue("MAX_LENGTH", f"must have at most {MAX_TAGS} tags")


def text_of(raw: object) -> str:
    if not isinstance(raw, str):
        raise InvalidValue("INVALID_TYPE", "must be a string")
    return raw
