"""The parsers of settings: of a number, a host, a folder and others.

A parser returns the value of a text. It raises a ValueError whose message completes a sentence
that starts with the setting and the text: "is not a port: …".
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from customers.core.errors import InvalidValue
from customers.core.model.moments import MomentGate
from customers.core.model.money import Currency
from customers.core.model.tenant import TenantGate

Number = TypeVar("Number", int, float)


_HOST_NAME = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z_][A-Za-z0-9_-]{0,62}\.?")


_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


_MAX_HOST_LENGTH = 253


def whole_number(noun: str, low: int, high: int) -> Callable[[str], int]:
    problem = f"is not {noun}: a whole number from {low} to {high}"
    return _number(int, _WHOLE_NUMBER, low, high, problem)


def seconds(low: float, high: float) -> Callable[[str], float]:
    problem = f"is not a time in seconds: a number from {low:g} to {high:g}"
    return _number(float, _SECONDS, low, high, problem)


def one_of(noun: str, *choices: str) -> Callable[[str], str]:
    """Parses one of the choices, ignoring case."""
    alternatives = f"{', '.join(choices[:-1])} or {choices[-1]}"

    def parse(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        raise ValueError(f"is not {noun}: {alternatives}")

    return parse


def host(text: str) -> str:
    if len(text) <= _MAX_HOST_LENGTH and _HOST_NAME.fullmatch(text):
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is not a host: a name or an IP address") from None


def currency(text: str) -> str:
    """Parses an ISO 4217 code; the result is upper case."""
    try:
        return Currency.of(text).code
    except ValueError:
        raise ValueError("is not a currency: an ISO 4217 code, such as USD") from None


def tenant_pattern(text: str) -> str:
    try:
        TenantGate.of(text)
    except (re.error, RecursionError, OverflowError):
        raise ValueError(r"is not a regular expression, such as shop-[0-9]+") from None
    return text


def url(noun: str, *schemes: str) -> Callable[[str], str]:
    """Parses a URL with one of the schemes and a host, without user and password."""

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            is_url = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url or "@" in parts.netloc or any(map(str.isspace, text)):
            raise ValueError(f"is not {noun}, such as {schemes[0]}://id.example.test")
        return text

    return parse


def claim(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("is not a claim: a name, or names with dots between them")
    return text


def folder(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError("is not an absolute path: it must begin with a slash")
    return path


def flag(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError("is not true or false")


def moment(text: str) -> datetime:
    try:
        return MomentGate().read(text)
    except InvalidValue:
        raise ValueError("is not a date and time, such as 2026-01-01T00:00:00Z") from None


def existing_file(text: str) -> Path:
    path = Path(text)
    if not _holds(path.is_file):
        raise ValueError("is not an existing file")
    return path


def file_to_write(text: str) -> Path:
    path = Path(text)
    if not _holds(path.parent.is_dir):
        raise ValueError("is not a path in an existing folder")
    return path


def _holds(predicate: Callable[[], bool]) -> bool:
    """Whether a predicate of a path is true; it is not for a text that is too long for a path."""
    try:
        return predicate()
    except OSError:
        return False


def _number(
    kind: Callable[[str], Number], form: re.Pattern[str], low: Number, high: Number, problem: str
) -> Callable[[str], Number]:
    def parse(text: str) -> Number:
        if form.fullmatch(text) and low <= (number := kind(text)) <= high:
            return number
        raise ValueError(problem)

    return parse
