"""The settings of a process, read once from the command's options and the environment.

No other module reads the environment. `options.py` makes the options from the same fields;
`setting_parsers.py` has the parsers.
"""

# ruff: noqa: RUF009 - `setting` makes an attrs field

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from attrs import Factory, fields, frozen

from customers.core.model.tenant import VISIBLE_BUT_COMMA
from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.setting_types import (
    URL_FORM,
    DatabaseUrl,
    InvalidSetting,
    SecretKeys,
    Setting,
    setting,
)


class SettingsError(Exception):
    """Settings are invalid; `sentences` has one sentence for each error."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def catalogue() -> tuple[Setting, ...]:
    """Every setting, in the order in which help lists them."""
    return tuple(Setting(name=field.name, **field.metadata) for field in fields(Settings))


def process_environment() -> dict[str, str]:
    """The environment of this process, for programs that it starts."""
    return dict(os.environ)


@frozen(kw_only=True)
class Settings:
    """The validated settings of a process. Times are in seconds."""

    port: int = setting(
        8089,
        setting_parsers.whole_number("a port", 0, 65535),
        "PORT",
        "Serve the REST API on this port; 0 picks a free one.",
    )
    rpc_port: int = setting(
        9089,
        setting_parsers.whole_number("a port", 0, 65535),
        "PORT",
        "Serve the gRPC API on this port; 0 picks a free one.",
    )
    metrics_port: int | None = setting(
        None,
        setting_parsers.whole_number("a port", 0, 65535),
        "PORT",
        "Serve the probes and the metrics on this port too, where no limit of connections applies; "
        "0 picks a free one.",
        default_text="none",
    )
    host: str = setting(
        "127.0.0.1",
        setting_parsers.host,
        "HOST",
        "Listen on this host name or address with every port; 0.0.0.0 means all addresses.",
    )
    environment: Literal["development", "production"] = setting(
        "development",
        setting_parsers.one_of("an environment", "development", "production"),
        "NAME",
        "Run for development or production. Production requires a database URL and logs JSON.",
    )
    storage: Literal["postgres", "memory"] = setting(
        "postgres",
        setting_parsers.one_of("a storage", "postgres", "memory"),
        "NAME",
        "Store the data in postgres or memory. Memory runs in one process, loses its data when the "
        "process ends, and is not allowed in production.",
    )
    database_url: DatabaseUrl | None = setting(
        None,
        DatabaseUrl.parse,
        "URL",
        f"Connect to the database at this URL, {URL_FORM}. "
        "Prefer the variables: other users can see the options of a process.",
        default_text="an embedded PostgreSQL",
        is_secret=True,
    )
    data_dir: Path = setting(
        Factory(lambda: _data_dir(os.environ)),
        setting_parsers.folder,
        "FOLDER",
        "Store the data of the embedded PostgreSQL in this folder.",
        default_text="$XDG_DATA_HOME/customers or ~/.local/share/customers",
    )
    workers: int = setting(
        1,
        setting_parsers.whole_number("a number of workers", 1, 64),
        "N",
        "Run this many processes, which share the ports. Each has its own connection pool.",
    )
    currency: str = setting(
        "USD",
        setting_parsers.currency,
        "CODE",
        "Use this currency, an ISO 4217 code, for every amount.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info",
        setting_parsers.one_of("a log level", "debug", "info", "warning", "error"),
        "LEVEL",
        "Log events of this level and above: debug, info, warning or error.",
    )
    max_connections: int = setting(
        10_000,
        setting_parsers.whole_number("a number of connections", 1, 1_000_000),
        "N",
        "Accept at most this many HTTP connections at a time per worker; fewer where the limit of "
        "open files is lower.",
    )
    max_connections_per_peer: int | None = setting(
        None,
        setting_parsers.whole_number("a number of connections", 1, 1_000_000),
        "N",
        "Accept at most this many of them from one address. All callers behind a gateway have "
        "the address of the gateway.",
        default_text="four fifths of them",
    )
    pool_size: int = setting(
        10,
        setting_parsers.whole_number("a number of connections", 1, 500),
        "N",
        "Open at most this many database connections per worker.",
    )
    pool_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 60),
        "SECONDS",
        "Let a request wait this long for its turn or for a database connection before it fails, "
        "with 429 if its tenant has its share already, else with 503.",
    )
    request_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 60),
        "SECONDS",
        "Let a request take this long in all: waiting for a connection, statements and a retry.",
    )
    analytic_pool_size: int = setting(
        2,
        setting_parsers.whole_number("a number of connections", 1, 100),
        "N",
        "Open at most this many more connections per worker for previews, explanations and builds "
        "of segments.",
    )
    analytic_timeout: float = setting(
        15.0,
        setting_parsers.seconds(0.1, 600),
        "SECONDS",
        "Let a preview, an explanation or a step of a build take this long.",
    )
    statement_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 600),
        "SECONDS",
        "Cancel an SQL statement that runs for longer than this; migrations have no limit.",
    )
    pooler: Literal["none", "transaction"] = setting(
        "none",
        setting_parsers.one_of("a kind of pooler", "none", "transaction"),
        "KIND",
        "Set this to transaction if connections go through a pooler in transaction mode.",
    )
    sweep_seconds: float = setting(
        1.0,
        setting_parsers.seconds(0, 3_600),
        "SECONDS",
        "Pause this long between runs of the sweeper, which refreshes segment members in the "
        "background; 0 disables it.",
    )
    tenant_pattern: str = setting(
        VISIBLE_BUT_COMMA,
        setting_parsers.tenant_pattern,
        "REGEX",
        "Accept only tenants that match this regular expression as a whole; others are 400.",
    )
    card_numbers: Literal["payment-methods", "refuse"] = setting(
        "payment-methods",
        setting_parsers.one_of("a rule for card numbers", "payment-methods", "refuse"),
        "PLACE",
        "Refuse card numbers in payment-methods only, or refuse them in customers, notes and "
        "communications too.",
    )
    secrets_key: SecretKeys | None = setting(
        None,
        SecretKeys.parse,
        "KEY,...",
        "Seal cursors with the first of these keys, and open those of the others: put a new key "
        "first to replace it. Prefer the variables: other users can see the options of a process.",
        default_text="a key made and kept in the database",
        is_secret=True,
    )
    maintain_seconds: float = setting(
        86_400.0,
        setting_parsers.seconds(0, 31_536_000),
        "SECONDS",
        "Let the sweeper run `customers maintain` after erasures, this long after the last run at "
        "the earliest; 0 disables it.",
    )
    ready_file: Path | None = setting(
        None,
        setting_parsers.file_to_write,
        "FILE",
        "Write this file when the service is ready: its addresses and process id, as JSON.",
        default_text="none",
        in_environment=False,
    )

    test_api: bool = setting(
        False,
        setting_parsers.flag,
        "",
        "Serve the test API under /__test: reset and restore data, set the clock, inject faults. "
        "This requires memory storage and is not allowed in production.",
        default_text="off",
        in_environment=False,
        is_flag=True,
    )
    ids: Literal["timed", "sequential"] = setting(
        "timed",
        setting_parsers.one_of("a kind of ids", "timed", "sequential"),
        "KIND",
        "Create timed or sequential ids. Sequential ids depend only on tenant, kind and count, and "
        "require --test-api.",
        in_environment=False,
    )
    seed: int = setting(
        0,
        setting_parsers.whole_number("a seed", 0, 999_999_999),
        "N",
        "Use this seed for sequential ids: another seed gives other ids. It requires "
        "--ids sequential.",
        in_environment=False,
    )
    clock: datetime | None = setting(
        None,
        setting_parsers.moment,
        "MOMENT",
        "Freeze the clock at this date and time at start, such as 2026-01-01T00:00:00Z. "
        "This requires --test-api.",
        default_text="a running clock",
        in_environment=False,
    )
    seed_file: Path | None = setting(
        None,
        setting_parsers.existing_file,
        "FILE",
        "Load this snapshot or list of states at start. This requires --test-api.",
        default_text="none",
        in_environment=False,
    )

    @staticmethod
    def origins(environ: Mapping[str, str], options: Mapping[str, object]) -> dict[str, str]:
        """Where the value of each setting comes from, for people. Raises InvalidSetting."""
        return {setting.name: setting.given(environ, options).origin for setting in catalogue()}

    @classmethod
    def origins_of_process(cls, options: Mapping[str, object]) -> dict[str, str]:
        """As `origins`, with the environment of this process."""
        return cls.origins(os.environ, options)

    @classmethod
    def of_process(
        cls, options: Mapping[str, object], names: Collection[str] | None = None
    ) -> Self:
        """As `load`, with the environment of this process."""
        return cls.load(os.environ, options, names)

    @classmethod
    def is_production(cls, options: Mapping[str, object]) -> bool:
        """Whether the options or the environment name production; other settings may be invalid."""
        [definition] = [setting for setting in catalogue() if setting.name == "environment"]
        return definition.given(os.environ, options).text.lower() == "production"

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str],
        options: Mapping[str, object],
        names: Collection[str] | None = None,
    ) -> Self:
        """Settings from the options (by name; None: missing), else from the environment.

        Settings that are not in `names` (default: all) are not read, and have their defaults.
        White space around a text is ignored, and a blank text counts as missing. Raises
        SettingsError with a sentence for every error.
        """
        values: dict[str, Any] = {"data_dir": _data_dir(environ)}
        sources, errors = {}, {}
        for definition in catalogue():
            name = definition.name
            if names is not None and name not in names:
                continue
            try:
                given = definition.given(environ, options)
                sources[name] = given.source
                values |= {name: definition.value(given)} if given.text else {}
            except InvalidSetting as error:
                errors[name] = str(error)
        settings = cls(**values)
        valid = {name: source for name, source in sources.items() if name not in errors}
        if sentences := (*errors.values(), *settings._conflict_sentences(valid)):
            raise SettingsError(sentences)
        return settings

    def _conflict_sentences(self, sources: Mapping[str, str]) -> Iterator[str]:
        """A sentence for each conflict between settings that have a source."""
        for involved, reason in self._conflicts():
            if sources.keys() >= set(involved):
                yield f"{sources[involved[0]]}: {reason}."

    def _conflicts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Settings that contradict each other, the one to change first, and the reason."""
        if self.environment == "production" and self.storage == "memory":
            yield ("storage", "environment"), "memory is not allowed in production: use postgres"
        elif self.environment == "production" and self.database_url is None:
            reason = f"production requires the URL of a database: {URL_FORM}"
            yield ("database_url", "environment", "storage"), reason
        if self.workers > 1 and self.storage == "memory":
            reason = "memory storage runs in one process: use 1, or postgres"
            yield ("workers", "storage"), reason
        yield from self._test_api_conflicts()
        yield from self._port_conflicts()

    def _port_conflicts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.port == self.rpc_port != 0:
            yield ("rpc_port", "port"), f"{self.port} is already the REST port: choose another"
        if self.metrics_port and self.metrics_port in (self.port, self.rpc_port):
            name = "port" if self.metrics_port == self.port else "rpc_port"
            used = "REST" if name == "port" else "gRPC"
            reason = f"{self.metrics_port} is already the {used} port: choose another"
            yield ("metrics_port", name), reason

    def _test_api_conflicts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if not self.test_api:
            for name in ("ids", "seed", "clock", "seed_file"):
                if getattr(self, name) != getattr(fields(Settings), name).default:
                    yield (name, "test_api"), "requires --test-api"
            return
        if self.environment == "production":
            yield ("test_api", "environment"), "is not allowed in production"
        elif self.storage != "memory":
            yield ("test_api", "storage"), "requires memory storage: use --storage memory"
        if self.seed and self.ids == "timed":
            yield ("seed", "ids"), "requires --ids sequential"


def _data_dir(environ: Mapping[str, str]) -> Path:
    """The service's folder in the user's data directory, by the XDG base directory rules."""
    data_home = Path(environ.get("XDG_DATA_HOME", ""))
    home = Path(environ.get("HOME") or Path.home())
    # The rules say to ignore a relative path.
    return (data_home if data_home.is_absolute() else home / ".local" / "share") / "customers"
