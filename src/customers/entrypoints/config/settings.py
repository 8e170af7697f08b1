"""The settings of a process, read once from the command's options and the environment.

Only this module and `serving_settings.py` read settings from the environment. The settings of
serving, of access and of mail are in modules of their own; `options.py` makes the options from the
same fields, `setting_parsers.py` has the parsers.
"""

# ruff: noqa: RUF009 - `setting` makes an attrs field

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from attrs import fields, frozen

from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.mail_settings import MailSettings
from customers.entrypoints.config.serving_settings import data_dir
from customers.entrypoints.config.setting_types import (
    URL_FORM,
    InvalidSetting,
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
class Settings(MailSettings):
    """The validated settings of a process. Times are in seconds."""

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
        "Create timed or sequential ids. Sequential ids depend only on seed, tenant, kind and "
        "count, and require --test-api.",
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
        "Load this snapshot or list of provider states at start. This requires --test-api.",
        default_text="none",
        in_environment=False,
    )

    @property
    def has_own_key(self) -> bool:
        """Whether the service signs tokens itself: with the test API, if it accepts tokens and no
        setting says where their keys are.
        """
        return self.test_api and "jwt" in self.authentication and not self.names_token_keys

    @staticmethod
    def origins(environ: Mapping[str, str], options: Mapping[str, object]) -> dict[str, str]:
        """Where the value of each setting comes from, for people. Raises InvalidSetting."""
        return {
            setting.name: setting.configured(environ, options).origin for setting in catalogue()
        }

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
        return definition.configured(os.environ, options).text.lower() == "production"

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
        values: dict[str, Any] = {"data_dir": data_dir(environ)}
        sources, errors = {}, {}
        for definition in catalogue():
            name = definition.name
            if names is not None and name not in names:
                continue
            try:
                configured = definition.configured(environ, options)
                sources[name] = configured.source
                values |= {name: definition.value(configured)} if configured.text else {}
            except InvalidSetting as error:
                errors[name] = str(error)
        settings = cls(**values)
        valid = {name: source for name, source in sources.items() if name not in errors}
        if sentences := (*errors.values(), *settings._conflict_sentences(valid)):
            raise SettingsError(sentences)
        return settings

    def _conflict_sentences(self, sources: Mapping[str, str]) -> Iterator[str]:
        """A sentence for each conflict between settings that were read and are valid: `sources`."""
        for involved, reason in self._conflicts():
            if sources.keys() >= set(involved):
                yield f"{sources[involved[0]]}: {reason}."

    def _conflicts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Settings that contradict each other, beginning with the one to change, and the reason."""
        if self.environment == "production" and self.storage == "memory":
            yield ("storage", "environment"), "memory is not allowed in production: use postgres"
        elif self.environment == "production" and self.database_url is None:
            reason = f"production requires the URL of a database: {URL_FORM}"
            yield ("database_url", "environment", "storage"), reason
        if self.workers > 1 and self.storage == "memory":
            reason = "memory storage runs in one process: use 1, or postgres"
            yield ("workers", "storage"), reason
        yield from self._access_conflicts(has_own_key=self.has_own_key)
        yield from self._mail_conflicts()
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
