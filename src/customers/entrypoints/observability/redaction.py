"""What a log line must not hold, and how it is hidden.

Values under names that tell of a person, e-mail addresses and passwords inside any text, and
objects, whose representation may hold anything.
"""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from pathlib import PurePath
from uuid import UUID

from customers.entrypoints.config.setting_types import DatabaseUrl, without_passwords

_HIDDEN = "***"
_PERSONAL = frozenset(
    "address authorization avatar birth body card city company content cookie cvc cvv dsn email "
    "emails firstname lastname mail name names note notes pan password phone phones postal reason "
    "search secret street subject surname tags text token tokens".split()
)
# A name that ends in one of these tells of a thing without telling the thing.
_HARMLESS = frozenset("count id ids length limit type version".split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PART = r"[^\s@\"'<>()\[\]{},;:=*/]"
# What a hidden password stands before is a host.
_EMAIL = re.compile(rf"(?<!{_PART}){_PART}*(?<!\*{{3}})@{_PART}+")
_SHOWN_AS_TEXT = (float, date, Decimal, UUID, PurePath, DatabaseUrl)
_SHOWN_AS_LIST = (list, tuple, set, frozenset)


def hidden(name: str, value: object) -> object:
    """What may be written as the value under this name: JSON's own types, nothing personal."""
    return _HIDDEN if _is_personal(name) else _harmless(value)


@lru_cache(maxsize=1024)
def _is_personal(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _PERSONAL.isdisjoint(words) and words[-1] not in _HARMLESS


def _harmless(value: object) -> object:
    if isinstance(value, str):
        return _without_addresses(str(value))
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, _SHOWN_AS_TEXT):
        return _without_addresses(str(value))
    if isinstance(value, _SHOWN_AS_LIST):
        return [_harmless(each) for each in value]
    if isinstance(value, dict):
        return {str(key): hidden(str(key), each) for key, each in value.items()}
    return f"<{type(value).__name__}>"


def _without_addresses(text: str) -> str:
    # Most texts hold neither character, and looking for one is quick.
    if "@" in text:
        return _EMAIL.sub(_HIDDEN, without_passwords(text))
    return without_passwords(text) if "=" in text else text
