"""Backs a database up with pg_dump: the whole database, in the custom format of pg_restore."""

import time
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.adapters.postgres.programs.client_programs import (
    ClientPrograms,
    Installation,
    ProgramFailed,
    choose,
    find_programs,
    run,
)
from customers.adapters.postgres.programs.database_facts import facts_of
from customers.adapters.postgres.programs.libpq_url import LibpqUrl
from customers.adapters.postgres.programs.private_file import check_target, move, partial_file
from customers.adapters.postgres.programs.program_errors import first_error


class CannotBackUp(Exception):
    """The database cannot be backed up; the message says why, and what to do."""


@frozen(kw_only=True)
class Backup:
    """A complete backup: the address of the database, the file and its size in bytes, how long it
    took, and the revision of the schema.
    """

    place: str
    file: Path
    size: int
    seconds: float
    revision: str


async def back_up(dsn: str, file: Path, installation: Installation, *, force: bool) -> Backup:
    """Backs the database up into a file that only its owner can read.

    The file appears under its name when it is complete. A file that exists is only replaced with
    `force`. Raises CannotBackUp, CannotWriteFile, ProgramsMissing, ProgramFailed and Unavailable.
    """
    started, place = time.monotonic(), str(DatabaseAddress.of(dsn))
    check_target(file, force=force)
    facts = await facts_of(dsn)
    if facts.revision is None or "customers" not in facts.tables:
        reason = "the database has no tables of this service: run `customers migrate` first"
        raise CannotBackUp(f"{place}: {reason}")
    candidates = await find_programs(installation)
    programs = choose(candidates, server=facts.major, needs_tls=facts.uses_tls)
    with partial_file(file) as partial:
        await _dump(dsn, partial, programs, installation.environ)
        size = partial.stat().st_size
        move(partial, file, force=force)
    seconds, revision = time.monotonic() - started, facts.revision
    return Backup(place=place, file=file, size=size, seconds=seconds, revision=revision)


async def _dump(dsn: str, file: Path, programs: ClientPrograms, environ: Mapping[str, str]) -> None:
    url = LibpqUrl.of(dsn)
    arguments = ["--format=custom", "--no-password", f"--file={file}", f"--dbname={url.url}"]
    output = await run(programs, "pg_dump", *arguments, environ={**environ, **url.variables})
    if output.status != 0:
        raise ProgramFailed(
            f"{DatabaseAddress.of(dsn)}: pg_dump failed, no backup was written: "
            f"{first_error(output.errors)}"
        )
