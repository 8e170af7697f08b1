"""What the process is told from outside: the environment and the command's options, read once.

The only module that knows the environment. `options.py` makes the command's options of the same
fields; how a text is parsed is in `setting_types.py`.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from attrs import field, fields, frozen

from customers.entrypoints.config import setting_types
from customers.entrypoints.config.setting_types import DatabaseUrl, Setting, told


class SettingsRefused(Exception):
    """The start is refused: one sentence for each setting that is wrong."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def catalogue() -> tuple[Setting, ...]:
    """Every setting, in the order in which people are told of them."""
    return tuple(
        Setting(name=each.name, **({"default": str(each.default)} | each.metadata))
        for each in fields(Settings)
    )


@frozen(kw_only=True)
class Settings:
    """Everything the process can be told, checked. Times are in seconds."""

    port: int = field(
        default=8089,
        metadata=told(
            setting_types.whole("a port", 0, 65535),
            "PORT",
            "Port of the REST interface; 0 takes a free one.",
        ),
    )
    rpc_port: int = field(
        default=9089,
        metadata=told(
            setting_types.whole("a port", 0, 65535),
            "PORT",
            "Port of the gRPC interface; 0 takes a free one.",
        ),
    )
    host: str = field(
        default="127.0.0.1",
        metadata=told(
            setting_types.host,
            "HOST",
            "Name or address that both ports listen on; 0.0.0.0 is every address.",
        ),
    )
    environment: Literal["development", "production"] = field(
        default="development",
        metadata=told(
            setting_types.one_of("an environment", "development", "production"),
            "NAME",
            "development or production; production needs a database and logs JSON.",
        ),
    )
    storage: Literal["postgres", "memory"] = field(
        default="postgres",
        metadata=told(
            setting_types.one_of("a storage", "postgres", "memory"),
            "NAME",
            "postgres, or memory: kept by one process until it ends, refused in production.",
        ),
    )
    database_url: DatabaseUrl | None = field(
        default=None,
        metadata=told(
            DatabaseUrl.read,
            "URL",
            f"Address of the database, {setting_types.ADDRESS_FORM}. "
            "The variable is the better place: others can see the options of a process.",
            default="an embedded PostgreSQL",
            secret=True,
        ),
    )
    data_dir: Path = field(
        factory=lambda: _data_dir(os.environ),
        metadata=told(
            setting_types.folder,
            "FOLDER",
            "Where the embedded PostgreSQL keeps its data.",
            default="customers in the user's data directory, XDG_DATA_HOME",
        ),
    )
    workers: int = field(
        default=1,
        metadata=told(
            setting_types.whole("a number of workers", 1, 64),
            "N",
            "Processes that share the ports; each has a pool of its own.",
        ),
    )
    currency: str = field(
        default="USD",
        metadata=told(
            setting_types.currency,
            "CODE",
            "Currency of every amount, as its ISO 4217 code.",
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info",
        metadata=told(
            setting_types.one_of("a log level", "debug", "info", "warning", "error"),
            "LEVEL",
            "debug, info, warning or error: lines below it are not written.",
        ),
    )
    pool_size: int = field(
        default=10,
        metadata=told(
            setting_types.whole("a number of connections", 1, 500),
            "N",
            "Most connections to the database, for each worker.",
        ),
    )
    pool_timeout: float = field(
        default=5.0,
        metadata=told(
            setting_types.seconds(0.1, 60),
            "SECONDS",
            "How long a request waits for a connection, new or free, before it is answered 503.",
        ),
    )
    statement_timeout: float = field(
        default=5.0,
        metadata=told(
            setting_types.seconds(0.1, 600),
            "SECONDS",
            "How long one statement may run; migrations have no limit.",
        ),
    )
    pooler: Literal["none", "transaction"] = field(
        default="none",
        metadata=told(
            setting_types.one_of("a kind of pooler", "none", "transaction"),
            "KIND",
            "transaction when a pooler in transaction mode stands before the database, else none.",
        ),
    )
    sweep_seconds: float = field(
        default=1.0,
        metadata=told(
            setting_types.seconds(0, 3_600),
            "SECONDS",
            "Pause of the sweeper, which settles members of segments before they are read; "
            "0 never sweeps.",
        ),
    )
    ready_file: Path | None = field(
        default=None,
        metadata=told(
            setting_types.file,
            "FILE",
            "File to write once the service answers: its addresses and process id, as JSON.",
            default="none",
            in_environment=False,
        ),
    )

    test_api: bool = field(
        default=False,
        metadata=told(
            setting_types.flag,
            "",
            "Let tests reset, restore, move time and make calls fail, under /__test; "
            "for memory storage only, refused in production.",
            default="off",
            in_environment=False,
            is_flag=True,
        ),
    )
    ids: Literal["timed", "sequential"] = field(
        default="timed",
        metadata=told(
            setting_types.one_of("a kind of ids", "timed", "sequential"),
            "KIND",
            "timed, or sequential: of tenant, kind and count only; needs --test-api.",
            in_environment=False,
        ),
    )
    seed: int = field(
        default=0,
        metadata=told(
            setting_types.whole("a seed", 0, 999_999_999),
            "N",
            "Sequential ids of another seed are other ones; needs --ids sequential.",
            in_environment=False,
        ),
    )
    clock: datetime | None = field(
        default=None,
        metadata=told(
            setting_types.moment,
            "MOMENT",
            "Where the clock stands at first, as 2026-01-01T00:00:00Z; needs --test-api.",
            default="it runs",
            in_environment=False,
        ),
    )
    seed_file: Path | None = field(
        default=None,
        metadata=told(
            setting_types.present_file,
            "FILE",
            "A snapshot, or states, to begin with; needs --test-api.",
            default="none",
            in_environment=False,
        ),
    )

    @classmethod
    def of_process(cls, options: Mapping[str, object]) -> Self:
        """As `load`, from the environment of this process."""
        return cls.load(os.environ, options)

    @classmethod
    def load(cls, environ: Mapping[str, str], options: Mapping[str, object]) -> Self:
        """The settings that the options give (by name; None: not given), else the environment.

        An empty text counts as not given; white space around a text does not count. Raises
        SettingsRefused with a sentence for everything that is wrong.
        """
        values: dict[str, Any] = {"data_dir": _data_dir(environ)}
        sources, wrong = {}, {}
        for setting in catalogue():
            text, source = setting.given(environ, options)
            sources[setting.name] = source
            try:
                values |= {setting.name: setting.read(text)} if text else {}
            except ValueError as reason:
                wrong[setting.name] = setting.refusal(text, source, reason)
        settings = cls(**values)
        contradictions = [
            f"{sources[names[0]]}: {why}."
            for names, why in settings._clashes()
            if wrong.keys().isdisjoint(names)
        ]
        if wrong or contradictions:
            raise SettingsRefused((*wrong.values(), *contradictions))
        return settings

    def _clashes(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What settings forbid each other: those concerned, the one to change first, and why."""
        if self.environment == "production" and self.storage == "memory":
            yield ("storage", "environment"), "memory is refused in production: use postgres"
        elif self.environment == "production" and self.database_url is None:
            needed = f"production needs the address of a database: {setting_types.ADDRESS_FORM}"
            yield ("database_url", "environment", "storage"), needed
        if self.workers > 1 and self.storage == "memory":
            yield ("workers", "storage"), "memory storage is one process: use 1, or postgres"
        if self.test_api and self.environment == "production":
            yield ("test_api", "environment"), "is refused in production"
        elif self.test_api and self.storage != "memory":
            yield (
                ("test_api", "storage"),
                "only memory storage has a test API: use --storage memory",
            )
        yield from self._needing_the_test_api()
        if self.port == self.rpc_port != 0:
            yield ("rpc_port", "port"), f"{self.port} is the REST port already: take another"

    def _needing_the_test_api(self) -> Iterator[tuple[tuple[str, ...], str]]:
        given = {
            "ids": self.ids != "timed",
            "seed": self.seed != 0,
            "clock": self.clock is not None,
            "seed_file": self.seed_file is not None,
        }
        for name in (name for name, is_given in given.items() if is_given and not self.test_api):
            yield (name, "test_api"), "needs --test-api"
        if self.test_api and self.seed and self.ids == "timed":
            yield ("seed", "ids"), "needs --ids sequential"


def _data_dir(environ: Mapping[str, str]) -> Path:
    """The service's folder in the user's data directory, by the XDG base directory rules."""
    named = Path(environ.get("XDG_DATA_HOME", ""))
    home = Path(environ.get("HOME") or Path.home())
    # A relative path is to be ignored, say the rules.
    return (named if named.is_absolute() else home / ".local" / "share") / "customers"
