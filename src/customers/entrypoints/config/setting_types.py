"""The description of a setting, and types of values. `settings.py` has the list of settings."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from attrs import field, frozen

from customers.entrypoints.config.database_url_form import is_well_formed, names_host
from customers.entrypoints.config.quoting import may_be_secret, quoted
from customers.entrypoints.config.secret_files import read_secret

URL_FORM = "postgres://user:password@host:5432/database"

_PASSWORD = re.compile(r"(://[^\s:/@?#]*):\S*@")
_PASSWORD_PARAMETER = re.compile(r"(?i)(password=)[^\s&'\"]+")
_MIN_KEY_LENGTH, _MIN_KEY_CHARACTERS = 32, 12
_KEY = re.compile(rf"[!-+\--~]{{{_MIN_KEY_LENGTH},1000}}")


def without_passwords(text: str) -> str:
    """The text with `***` for the password of every URL; in doubt it hides too much."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


@frozen(kw_only=True)
class Setting:
    """The description of a setting; its option and its variables are named after it."""

    name: str
    parse: Callable[[str], object]
    metavar: str
    help: str
    default: str
    in_environment: bool = True
    is_secret: bool = False
    is_flag: bool = False

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str | None:
        return self.name.upper() if self.in_environment else None

    @property
    def file_variable(self) -> str | None:
        """The variable with the path of a file that contains the value; only secrets have one."""
        return f"{self.variable}_FILE" if self.is_secret and self.in_environment else None

    def configured(
        self, environ: Mapping[str, str], options: Mapping[str, object]
    ) -> "ConfiguredText":
        """The text of the option, else of the variable or its file. Raises InvalidSetting."""
        option = options.get(self.name)
        text = "" if option is None else str(option).strip()
        if text or self.variable is None:
            return ConfiguredText(text=text, source=self.option)
        text = environ.get(self.variable, "").strip()
        if self.file_variable and (path := environ.get(self.file_variable, "").strip()):
            if text:
                names = f"{self.variable} and {self.file_variable}"
                raise InvalidSetting(f"{names} are both set: set only one of them.")
            return _content_of(path, self.file_variable)
        return ConfiguredText(text=text, source=self.variable)

    def value(self, configured: "ConfiguredText") -> object:
        """The value of a text that is not missing. Raises InvalidSetting."""
        try:
            return self.parse(configured.text)
        except ValueError as reason:
            is_hidden = self.is_secret or may_be_secret(configured.text)
            subject = "the value" if is_hidden else quoted(configured.text)
            if configured.file is not None:
                subject = f"the content of the file {json.dumps(configured.file)}"
            raise InvalidSetting(f"{configured.source}: {subject} {reason}.") from None


class InvalidSetting(Exception):
    """A setting is invalid; the message is a sentence that names its option or variable."""


@frozen(kw_only=True)
class ConfiguredText:
    """The text of a setting (`""`: missing or blank), and where it comes from."""

    text: str
    source: str
    """The option or the variable."""
    file: str | None = None
    """The path of the file, if the source is a variable such as DATABASE_URL_FILE."""

    @property
    def origin(self) -> str:
        """Where the value comes from, for people."""
        if not self.text:
            return "default"
        if self.file is not None:
            return f"file {self.file} ({self.source})"
        kind = "option" if self.source.startswith("--") else "variable"
        return f"{kind} {self.source}"


def setting(
    default: object,
    parse: Callable[[str], object],
    metavar: str,
    help: str,
    *,
    default_text: str | None = None,
    **flags: bool,
) -> Any:
    """An attrs field described as a Setting; `flags` are the boolean fields of Setting.

    The help shows `default_text`, or else the default itself.
    """
    description = {"parse": parse, "metavar": metavar, "help": help, **flags}
    text = str(default) if default_text is None else default_text
    return field(default=default, metadata={**description, "default": text})


@frozen(repr=False)
class DatabaseUrl:
    """The URL of a PostgreSQL database. `str` and `repr` hide its password."""

    _url: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses `postgres://…` or `postgresql://…`, with or without the driver `+asyncpg`."""
        scheme, _, rest = text.partition("://")
        if scheme.lower().removesuffix("+asyncpg") not in ("postgres", "postgresql"):
            raise ValueError(f"is not the URL of a PostgreSQL database, such as {URL_FORM}")
        url = f"postgresql://{rest}"
        if not is_well_formed(url):
            advice = "percent-encode characters such as @ : / # ? in the password"
            raise ValueError(f"is not a well-formed URL, {URL_FORM}: {advice}")
        if not names_host(url):
            raise ValueError(f"names no host: {URL_FORM}")
        return cls(url)

    def reveal(self) -> str:
        """The whole URL, as `postgresql://…`, including the password: never log or print it."""
        return self._url

    def __str__(self) -> str:
        return without_passwords(self._url)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


@frozen(repr=False)
class Secret:
    """A text that must not be shown."""

    _text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text)

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret('***')"


@frozen(repr=False)
class SecretKeys:
    """Keys that must not be shown. The first is in use; the others are older but still accepted."""

    _keys: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses keys that are separated by commas; white space around them is ignored."""
        keys = tuple(key.strip() for key in text.split(","))
        if not all(map(_is_strong, keys)):
            raise ValueError(
                f"is not a list of strong keys: each has at least {_MIN_KEY_LENGTH} visible ASCII "
                "characters without a comma, as `openssl rand -base64 48` makes them"
            )
        return cls(keys)

    def reveal(self) -> str:
        """The text of the setting: for the other processes of the service only."""
        return ",".join(self._keys)

    def as_bytes(self) -> tuple[bytes, ...]:
        return tuple(key.encode() for key in self._keys)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "SecretKeys('***')"


def _is_strong(key: str) -> bool:
    """Whether a key is long and has enough different characters."""
    return _KEY.fullmatch(key) is not None and len(set(key)) >= _MIN_KEY_CHARACTERS


def _content_of(path: str, variable: str) -> ConfiguredText:
    try:
        return ConfiguredText(text=read_secret(path), source=variable, file=path)
    except ValueError as reason:
        raise InvalidSetting(f"{variable}: {reason}.") from None
