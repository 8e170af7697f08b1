"""What the commands do with a database: migrate, back up, restore, maintain, check and others.

The adapters are imported when they are used, so that other commands start without SQLAlchemy.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from customers.entrypoints.config.settings import Settings, process_environment

if TYPE_CHECKING:
    from customers.adapters.postgres.programs.client_programs import Installation
    from customers.adapters.postgres.programs.dump import Backup
    from customers.adapters.postgres.programs.maintain import Maintenance
    from customers.adapters.postgres.programs.restore import Restored
    from customers.adapters.postgres.programs.rewrite_search_texts import Rewriting
    from customers.adapters.postgres.programs.service_role import ServiceRole


def database(settings: Settings) -> AbstractAsyncContextManager[str]:
    """The URL of the database while the block runs; empty for the memory storage.

    Without a URL in the settings, this starts the embedded server, or shares the one that another
    process has started; it stops when the last of these processes ends the block.
    """
    if settings.storage == "memory":
        return nullcontext("")
    if settings.database_url is not None:
        return nullcontext(settings.database_url.reveal())
    from customers.devtools.server import running

    return running(settings.data_dir / "postgres")


async def migrate(dsn: str) -> None:
    """Migrates the database to the newest revision, for the one process that serves on it. Raises
    Unavailable.
    """
    await migrations().migrate(dsn, contracts=True)


def migrations() -> ModuleType:
    """The module that reports on the schema of a database, and migrates it."""
    from customers.adapters.postgres.engine import migrate

    return migrate


async def grant_to_service_role(dsn: str, role: str) -> "ServiceRole":
    """Grants a role what the service needs; see `programs.service_role`."""
    from customers.adapters.postgres.programs import service_role

    return await service_role.grant_to_service_role(dsn, role)


async def policies_apply(dsn: str) -> bool:
    """Whether row-level security applies to the role in `dsn`; see `engine.deployment`."""
    from customers.adapters.postgres.engine import deployment

    async with migrations().connected(dsn) as connection:
        return await deployment.policies_apply(connection)


async def rewrite_search_texts(dsn: str) -> "Rewriting":
    """Rewrites the search texts of older releases; see `programs.rewrite_search_texts`."""
    from customers.adapters.postgres.programs import rewrite_search_texts

    return await rewrite_search_texts.rewrite_search_texts(dsn)


class ServerCheck(Protocol):
    """One check of the database server; see `programs.server_checkup`."""

    @property
    def name(self) -> str: ...
    @property
    def actual(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def remedy(self) -> str: ...
    @property
    def is_fine(self) -> bool: ...
    @property
    def is_off(self) -> bool: ...


async def check_server(dsn: str) -> "Sequence[ServerCheck]":
    """Checks the settings of the database server; see `programs.server_checkup`."""
    from customers.adapters.postgres.programs import server_checkup

    return await server_checkup.check_server(dsn)


async def back_up(dsn: str, file: Path, *, force: bool) -> "Backup":
    """Backs the database up into a file; see `programs.dump`."""
    from customers.adapters.postgres.programs.dump import back_up as back_up_database

    return await back_up_database(dsn, file, _installation(), force=force)


async def restore(dsn: str, file: Path, *, force: bool) -> "Restored":
    """Restores the database from a backup; see `programs.restore`."""
    from customers.adapters.postgres.programs.restore import restore as restore_database

    return await restore_database(dsn, file, _installation(), force=force)


async def maintain(dsn: str, *, is_full: bool = False) -> "Maintenance":
    """Removes what erasures left outside of rows; see `programs.maintain`."""
    from customers.adapters.postgres.programs import maintain as program

    return await program.maintain(dsn, is_full=is_full)


async def maintain_if_due(dsn: str, interval: float) -> "Maintenance | None":
    """As `maintain`, if there were erasures since the last run, and that run, if any, ended at
    least `interval` seconds ago; else returns None.
    """
    from customers.adapters.postgres.programs import maintain as program

    return await program.maintain(dsn) if await program.is_due(dsn, interval) else None


async def export_erasures(dsn: str, file: Path, *, force: bool) -> int:
    """Writes the receipts of all erasures to a file, and returns their number."""
    from customers.adapters.postgres.programs.export_erasures import export_erasures as export

    return await export(dsn, file, force=force)


async def open_psql(dsn: str, arguments: Sequence[str]) -> int:
    """Runs psql on the database, and returns its exit code; see `programs.shell`."""
    from customers.adapters.postgres.programs.shell import open_psql as open_psql_on

    return await open_psql_on(dsn, arguments, _installation())


def _installation() -> "Installation":
    """The client programs that come with the embedded server, where it is installed."""
    from customers.adapters.postgres.programs.client_programs import Installation
    from customers.devtools.programs import installed

    return Installation(wheel=installed(), environ=process_environment())
