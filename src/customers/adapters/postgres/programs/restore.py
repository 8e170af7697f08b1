"""Restores a backup: pg_restore writes a script, psql runs it in one transaction.

In its own transaction pg_restore could not drop tables of ours that the backup lacks, and its
script may have a setting that servers before PostgreSQL 17 do not know.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from attrs import frozen

from customers.adapters.postgres.engine import revisions
from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.engine.requirements import server_fault
from customers.adapters.postgres.programs import restore_script
from customers.adapters.postgres.programs.archive import Archive, read_archive
from customers.adapters.postgres.programs.client_programs import (
    ClientPrograms,
    Installation,
    ProgramFailed,
    Running,
    choose,
    find_programs,
    running,
)
from customers.adapters.postgres.programs.database_facts import (
    VERSION_TABLE,
    DatabaseFacts,
    facts_of,
)
from customers.adapters.postgres.programs.libpq_url import LibpqUrl
from customers.adapters.postgres.programs.program_errors import first_error, server_error

_CHUNK_BYTES = 1 << 18
# A setting of the script, and the first one after it that every version of pg_restore writes.
_TIMEOUT, _AFTER_TIMEOUT = b"SET transaction_timeout = 0;\n", b"SET client_encoding"
_TIMEOUT_SINCE = 17
_PSQL = (
    "--no-psqlrc --no-password --quiet --no-align --tuples-only "
    "--set=ON_ERROR_STOP=1 --set=VERBOSITY=verbose --file=-"
).split()


class CannotRestore(Exception):
    """The database cannot take the backup; the message says why, and what to do."""


@frozen(kw_only=True)
class Restored:
    """The result of a restore. `is_older` and `is_newer` compare the restored schema with the
    newest revision that this program knows.
    """

    place: str
    customers: int
    revision: str
    seconds: float
    is_older: bool
    is_newer: bool


async def restore(dsn: str, file: Path, installation: Installation, *, force: bool) -> Restored:
    """Restores the service's schema from a backup: all of it, or nothing.

    Other schemas stay as they are. A database that has customers or segments is refused, unless
    `force` replaces them; one in which another program uses the names of our tables is always
    refused. Raises CannotRestore, NotABackup, ProgramsMissing, ProgramFailed and Unavailable.
    """
    started = time.monotonic()
    candidates, environ = await find_programs(installation), installation.environ
    newest = choose(candidates)
    facts = await facts_of(dsn, rows_in=restore_script.CHECKED_TABLES)
    psql = choose(candidates, server=facts.major, needs_tls=facts.uses_tls)
    # pg_restore does not connect, so it may be newer than psql. The one of psql's release is tried
    # first, because psql understands everything that it writes.
    archive = await read_archive(file, (psql, newest), environ)
    place = str(DatabaseAddress.of(dsn))
    if reason := _refusal(facts, archive, force=force):
        raise CannotRestore(f"{place}: {reason}")
    text = await _run(_Restore(dsn, place, archive, facts, psql, environ, force=force))
    customers, revision = restore_script.restored(text)
    return Restored(
        place=place,
        customers=customers,
        revision=revision,
        seconds=time.monotonic() - started,
        is_older=any(not one.is_contract for one in revisions.pending(revision)),
        is_newer=revisions.is_newer(revision),
    )


def _refusal(facts: DatabaseFacts, archive: Archive, *, force: bool) -> str | None:
    """Why the database cannot take the backup, and what to do; None if it can."""
    if fault := server_fault(facts.major, facts.encoding):
        return str(fault)
    if facts.is_of_another_release:
        return (
            f"the database is at revision {facts.revision}, which this program does not know: use "
            "the release that migrated it, or an empty database"
        )
    if facts.schema not in (None, archive.schema):
        return (
            f"the backup is of the schema {archive.schema}, but the database's schema is "
            f"{facts.schema}: set search_path to {archive.schema}"
        )
    if foreign := _foreign(facts, archive):
        return (
            f"the schema {facts.schema} has tables or views that are not of this service: "
            f"{', '.join(sorted(foreign))}: use an empty database"
        )
    if facts.has_rows and not force:
        return (
            "the database already has customers or segments: use an empty database, or replace "
            "everything with --force"
        )
    return None


def _foreign(facts: DatabaseFacts, archive: Archive) -> frozenset[str]:
    """The names that the restore needs, but that relations of another program have."""
    names = restore_script.OUR_TABLES | archive.tables | {VERSION_TABLE}
    tables = facts.tables - {VERSION_TABLE} if facts.revision is None else frozenset()
    return names & (tables | facts.others)


@frozen
class _Restore:
    """One restore, by a run of pg_restore and psql."""

    dsn: str
    place: str
    archive: Archive
    facts: DatabaseFacts
    psql_programs: ClientPrograms
    environ: Mapping[str, str]
    force: bool

    def psql(self) -> AbstractAsyncContextManager[Running]:
        url = LibpqUrl.of(self.dsn)
        arguments = [*_PSQL, f"--dbname={url.url}"]
        environ = {**self.environ, **url.variables}
        return running(self.psql_programs, "psql", *arguments, environ=environ)

    def pg_restore(self) -> AbstractAsyncContextManager[Running]:
        is_ours = self.facts.revision is not None
        clean = ["--clean", "--if-exists"] if self.force and is_ours else []
        schema = f"--schema={self.archive.schema}"
        arguments = [*clean, schema, "--no-owner", "--no-privileges", "--file=-"]
        file = str(self.archive.file)
        return running(self.archive.programs, "pg_restore", *arguments, file, environ=self.environ)

    def script_before(self) -> bytes:
        return restore_script.before(self.archive, self.facts, force=self.force).encode()


async def _run(restore: _Restore) -> str:
    """Runs the restore; returns what psql printed. Raises ProgramFailed."""
    async with (
        restore.psql() as psql,
        restore.pg_restore() as pg_restore,
        asyncio.TaskGroup() as group,
    ):
        text = group.create_task(psql.stdout.read())
        psql_errors = group.create_task(psql.stderr.read())
        pg_restore_errors = group.create_task(pg_restore.stderr.read())
        await _send(restore, pg_restore, psql)
        statuses = await pg_restore.process.wait(), await psql.process.wait()
    if statuses != (0, 0):
        reason = _reason(statuses[0], pg_restore_errors.result(), psql_errors.result())
        failed = "the restore failed, and the database is as it was"
        raise ProgramFailed(f"{restore.place}: {failed}: {reason}")
    return text.result().decode()


async def _send(restore: _Restore, source: Running, psql: Running) -> None:
    """Sends psql the whole script, and the end of the transaction only if pg_restore succeeds."""
    with suppress(ConnectionError):  # psql has ended, and says why
        psql.stdin.write(restore.script_before())
        psql.stdin.write(await _head(source.stdout, restore.facts.major))
        while chunk := await source.stdout.read(_CHUNK_BYTES):
            psql.stdin.write(chunk)
            await psql.stdin.drain()
        if await source.process.wait() == 0:
            psql.stdin.write(restore_script.after(restore.archive).encode())
            await psql.stdin.drain()
    if source.process.returncode is None:
        source.process.kill()
    psql.stdin.close()


async def _head(script: asyncio.StreamReader, server: int) -> bytes:
    """The script's first settings, without one that the server does not know."""
    try:
        head = await script.readuntil(_AFTER_TIMEOUT)
    except asyncio.IncompleteReadError as error:
        return error.partial
    return head if server >= _TIMEOUT_SINCE else head.replace(_TIMEOUT, b"")


def _reason(pg_restore_status: int, pg_restore_errors: bytes, psql_errors: bytes) -> str:
    """The error of the program that failed first: psql, unless pg_restore failed by itself."""
    if pg_restore_status > 0:
        return first_error(pg_restore_errors.decode(errors="replace"))
    errors = psql_errors.decode(errors="replace")
    if (error := server_error(errors)) is None:
        return first_error(errors)
    state, message = error
    if state == _RAISED:
        return message
    return f"{message} (SQLSTATE {state}){_HINTS.get(state, '')}"


# The state of the exceptions that our own script raises; their messages say what to do.
_RAISED = "P0001"
_HINTS = {
    "2BP01": ": drop what depends on the tables first",
    "42P07": ": use an empty database, or replace everything with --force",
    "42501": ": the role must own the tables, and may have to be allowed to create extensions",
    "55P03": ": another connection uses the tables: end it first",
}
