"""Redacts personal data and secrets from the values of log lines.

It redacts values whose names are personal, such as `email`; e-mail addresses, passwords in URLs,
API keys and signed tokens in any text; and objects, whose representation may contain anything.
"""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from pathlib import PurePath
from uuid import UUID

from customers.core.model.api_key import KEY_PREFIX
from customers.entrypoints.config.setting_types import DatabaseUrl, without_passwords

_REDACTED = "***"
_PERSONAL = frozenset(
    "address authorization avatar birth body card city company content cookie cvc cvv dsn email "
    "emails firstname lastname mail name names note notes pan password phone phones postal reason "
    "search secret street subject surname tags text token tokens".split()
)
# A name that ends in one of these is about a personal value but does not contain it.
_HARMLESS = frozenset("count id ids length limit type version".split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PART = r"[^\s@\"'<>()\[\]{},;:=*/]"
# The `@` after a redacted password is followed by a host: that is not an e-mail address.
# Nor is the role of a database URL without a password.
_NO_ROLE = "(?<!postgres://)(?<!postgresql://)"
_EMAIL = re.compile(rf"(?<!{_PART}){_NO_ROLE}{_PART}*(?<!\*{{3}})@{_PART}+")
_KEY = re.compile(rf"{KEY_PREFIX}[\w-]*")
# Every signed token begins with the Base64 of `{"`.
_TOKEN_PREFIX = "eyJ"  # noqa: S105 - no secret
_TOKEN = re.compile(rf"{_TOKEN_PREFIX}[\w-]*\.[\w.-]*", re.ASCII)
_WRITTEN_AS_TEXT = (float, date, Decimal, UUID, PurePath, DatabaseUrl)
_WRITTEN_AS_LIST = (list, tuple, set, frozenset)


def redact(name: str, value: object) -> object:
    """The value to log under this name: JSON's own types, nothing personal."""
    return _REDACTED if _is_personal(name) else _redact_value(value)


@lru_cache(maxsize=1024)
def _is_personal(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _PERSONAL.isdisjoint(words) and words[-1] not in _HARMLESS


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return _redact_text(str(value))
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, _WRITTEN_AS_TEXT):
        return _redact_text(str(value))
    if isinstance(value, _WRITTEN_AS_LIST):
        return [_redact_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): redact(str(key), item) for key, item in value.items()}
    return f"<{type(value).__name__}>"


def without_credentials(text: str) -> str:
    """The text with `***` in place of API keys and signed tokens (JWT)."""
    if KEY_PREFIX in text:
        text = _KEY.sub(_REDACTED, text)
    return _TOKEN.sub(_REDACTED, text) if _TOKEN_PREFIX in text else text


def _redact_text(text: str) -> str:
    text = without_credentials(text)
    # Most texts contain neither character, and checking for one is fast.
    if "@" in text:
        return _EMAIL.sub(_REDACTED, without_passwords(text))
    return without_passwords(text) if "=" in text else text
