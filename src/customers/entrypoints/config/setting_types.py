"""How the text of a setting is found and what it means. Which settings there are: `settings.py`.

A reader takes a text and gives its value. It refuses with a ValueError that goes on where a
sentence has named the setting and shown the text: "is not a port: …".
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.money import Currency
from customers.core.model.values import MomentGate

ADDRESS_FORM = "postgres://user:password@host:5432/database"

_PASSWORD = re.compile(r"(://[^\s:/@?#]*):\S*@")
_PASSWORD_PARAMETER = re.compile(r"(?i)(password=)[^\s&'\"]+")
_HOST_NAME = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z_][A-Za-z0-9_-]{0,62}\.?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_LONGEST_SHOWN = 60
_LONGEST_HOST = 253


def without_passwords(text: str) -> str:
    """The text with `***` for the password of every address in it, and rather more than less."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


@frozen(kw_only=True)
class Setting:
    """One setting as people see it: its option, its variable (None: option only), its help."""

    name: str
    metavar: str
    help: str
    default: str
    read: Callable[[str], object]
    in_environment: bool = True
    secret: bool = False
    is_flag: bool = False

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str | None:
        return self.name.upper() if self.in_environment else None

    def given(self, environ: Mapping[str, str], options: Mapping[str, object]) -> tuple[str, str]:
        """The text, and the name it came under; `""` when it was not given, or was empty."""
        option = options.get(self.name)
        if option is not None and (text := str(option).strip()):
            return text, self.option
        if self.variable is None:
            return "", self.option
        return environ.get(self.variable, "").strip(), self.variable

    def refusal(self, text: str, source: str, reason: ValueError) -> str:
        """The sentence about a wrong text, which is not repeated where it may hold a password."""
        shown = "the value" if self.secret or "://" in text else _quoted(text)
        return f"{source}: {shown} {reason}."


def told(
    read: Callable[[str], object], metavar: str, help: str, **more: object
) -> dict[str, object]:
    """The metadata that makes a field of Settings a Setting; `more` are its other fields."""
    return {"read": read, "metavar": metavar, "help": help, **more}


@frozen(repr=False)
class DatabaseUrl:
    """The address of a PostgreSQL database. It shows itself without its password."""

    _address: str

    @classmethod
    def read(cls, text: str) -> Self:
        """From `postgres://…` or `postgresql://…`, a driver's `+asyncpg` behind the name or not."""
        scheme, _, rest = text.partition("://")
        if scheme.lower().removesuffix("+asyncpg") not in ("postgres", "postgresql"):
            raise ValueError(f"is not the address of a PostgreSQL database: {ADDRESS_FORM}")
        address = f"postgresql://{rest}"
        if not _is_well_formed(address):
            raise ValueError(f"is not a well-formed address: {ADDRESS_FORM}")
        return cls(address)

    def reveal(self) -> str:
        """The whole address, as `postgresql://…`, password included: for the driver only."""
        return self._address

    def __str__(self) -> str:
        return without_passwords(self._address)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


def whole(what: str, low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if _WHOLE.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"is not {what}: a whole number from {low} to {high}")

    return read


def seconds(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if _SECONDS.fullmatch(text) and low <= float(text) <= high:
            return float(text)
        raise ValueError(f"is not a time in seconds: a number from {low:g} to {high:g}")

    return read


def one_of(what: str, *choices: str) -> Callable[[str], str]:
    """One of the choices, in any case."""
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}"

    def read(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        raise ValueError(f"is not {what}: {listed}")

    return read


def host(text: str) -> str:
    if len(text) <= _LONGEST_HOST and _HOST_NAME.fullmatch(text):
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is not a host: a name or an IP address") from None


def currency(text: str) -> str:
    """The code of an ISO 4217 currency, upper case."""
    try:
        return Currency.of(text).code
    except ValueError:
        raise ValueError("is not a currency: a code of ISO 4217, such as USD") from None


def folder(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError("is not the whole path of a folder: one that begins with a slash")
    return path


def flag(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError("is not true or false")


def moment(text: str) -> datetime:
    try:
        return MomentGate().read(text)
    except InvalidValue:
        raise ValueError("is not a moment: one such as 2026-01-01T00:00:00Z") from None


def present_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("is not the path of a file that is there")
    return path


def file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise ValueError("is not the path of a file in a folder that is there")
    return path


def _is_well_formed(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return not re.search(r"[\s\x00-\x1f\x7f]", address) and parts.port != 0
    except ValueError:  # a port that is none, or a bracket that is never closed
        return False


def _quoted(text: str) -> str:
    # As JSON: control characters and what a terminal cannot show come out as escapes.
    return json.dumps(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
