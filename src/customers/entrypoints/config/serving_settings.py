"""The settings of serving: ports, storage, pools and limits."""

# ruff: noqa: RUF009 - `setting` makes an attrs field

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import Factory, frozen

from customers.core.model.tenant import VISIBLE_BUT_COMMA
from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.setting_types import URL_FORM, DatabaseUrl, SecretKeys, setting


@frozen(kw_only=True)
class ServingSettings:
    """What the service serves, where, and within which limits. Times are in seconds."""

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
        "Serve the probes and the metrics on this port too, without a limit on connections; 0 "
        "picks a free one.",
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
        "Run for development or production. Production logs JSON, and requires more settings, such "
        "as DATABASE_URL and AUTH.",
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
        Factory(lambda: data_dir(os.environ)),
        setting_parsers.folder,
        "FOLDER",
        "Store the data of the embedded PostgreSQL in this folder.",
        default_text="$XDG_DATA_HOME/customers or ~/.local/share/customers",
    )
    workers: int = setting(
        1,
        setting_parsers.whole_number("a number of workers", 1, 64),
        "N",
        "Run this many processes, which share the ports. Each has its own connection pools.",
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
        "Accept at most this many HTTP connections at a time per worker; fewer if the limit on "
        "open files is lower.",
    )
    max_connections_per_peer: int | None = setting(
        None,
        setting_parsers.whole_number("a number of connections", 1, 1_000_000),
        "N",
        "Accept at most this many HTTP connections at a time per worker from one address. All "
        "callers behind a gateway have the address of the gateway.",
        default_text="four fifths of MAX_CONNECTIONS",
    )
    pool_size: int = setting(
        10,
        setting_parsers.whole_number("a number of connections", 1, 500),
        "N",
        "Open at most this many database connections per worker, besides those of "
        "ANALYTIC_POOL_SIZE.",
    )
    pool_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 60),
        "SECONDS",
        "Let a request wait this long for its turn or for a database connection before it fails, "
        "with 429 if its tenant already uses its share, else with 503.",
    )
    request_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 60),
        "SECONDS",
        "Let a request take this long in all: waiting for a connection, statements and a retry. "
        "Work with ANALYTIC_TIMEOUT has that limit instead.",
    )
    analytic_pool_size: int = setting(
        2,
        setting_parsers.whole_number("a number of connections", 1, 100),
        "N",
        "Open at most this many further database connections per worker for previews, "
        "explanations, builds of segments and exports of personal data. A tenant has at most half "
        "of them, rounded up.",
    )
    analytic_timeout: float = setting(
        15.0,
        setting_parsers.seconds(0.1, 600),
        "SECONDS",
        "Let a preview, an explanation, a step of a build or an export of personal data take this "
        "long.",
    )
    statement_timeout: float = setting(
        5.0,
        setting_parsers.seconds(0.1, 600),
        "SECONDS",
        "Cancel an SQL statement that runs for longer than this. Work with ANALYTIC_TIMEOUT has "
        "that limit instead; migrations have none.",
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
        "Accept only tenants that match this whole regular expression; others get status 400.",
    )
    card_numbers: Literal["payment-methods", "refuse"] = setting(
        "payment-methods",
        setting_parsers.one_of("a rule for card numbers", "payment-methods", "refuse"),
        "PLACE",
        "Refuse card numbers only in payment methods (payment-methods), or in customers, notes and "
        "communications too (refuse).",
    )
    secrets_key: SecretKeys | None = setting(
        None,
        SecretKeys.parse,
        "KEY,...",
        "Seal cursors with the first of these keys, and accept cursors sealed with any of them: to "
        "replace a key, put the new one first. Prefer the variables: other users can see the "
        "options of a process.",
        default_text="a key made and kept in the database",
        is_secret=True,
    )
    maintain_seconds: float = setting(
        86_400.0,
        setting_parsers.seconds(0, 31_536_000),
        "SECONDS",
        "Let the sweeper run `customers maintain` after erasures, this long apart; 0 disables it.",
    )
    ready_file: Path | None = setting(
        None,
        setting_parsers.file_to_write,
        "FILE",
        "Write this file when the service is ready: its addresses and process id, as JSON.",
        default_text="none",
        in_environment=False,
    )


def data_dir(environ: Mapping[str, str]) -> Path:
    """The service's folder in the user's data directory, by the XDG base directory rules."""
    data_home = Path(environ.get("XDG_DATA_HOME", ""))
    home = Path(environ.get("HOME") or Path.home())
    # The rules say to ignore a relative path.
    return (data_home if data_home.is_absolute() else home / ".local" / "share") / "customers"
