"""Backs a database up with pg_dump: the whole database, in the custom format of pg_restore."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from customers.adapters.postgres.programs.program_errors import first_error


class CannotBackUp(Exception):
    """The database or the file is refused; the message says why."""


@frozen(kw_only=True)
class Backup:
    """A complete backup: the database, the size in bytes, and the revision of its schema."""

    place: str
    file: Path
    size: int
    seconds: float
    revision: str


async def back_up(dsn: str, file: Path, installation: Installation, *, force: bool) -> Backup:
    """Backs the database up into a file that only its owner can read.

    The file appears under its name when it is complete. One that exists is only replaced with
    `force`. Raises CannotBackUp, ProgramsMissing, ProgramFailed and Unavailable.
    """
    started, place = time.monotonic(), str(DatabaseAddress.of(dsn))
    _check_target(file, force=force)
    facts = await facts_of(dsn)
    if facts.revision is None or "customers" not in facts.tables:
        reason = "the database has no customers: run `customers migrate` first"
        raise CannotBackUp(f"{place}: {reason}")
    candidates = await find_programs(installation)
    programs = choose(candidates, server=facts.major, needs_tls=facts.uses_tls)
    with _partial(file) as partial:
        await _dump(dsn, partial, programs, installation.environ)
        size = partial.stat().st_size
        _move(partial, file, force=force)
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


def _check_target(file: Path, *, force: bool) -> None:
    name = json.dumps(str(file))
    if not file.parent.is_dir():
        raise CannotBackUp(f"{name} is not a path in an existing folder")
    if file.exists() and not file.is_file():
        raise CannotBackUp(f"{name} is not a file")
    if file.exists() and not force:
        raise CannotBackUp(_exists(file))


@contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """A new file beside `file`, readable by its owner only; it is removed unless it was moved."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)
    except OSError as error:
        folder = json.dumps(str(file.parent))
        raise CannotBackUp(f"no file can be created in {folder}: {error.strerror}") from None
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _move(partial: Path, file: Path, *, force: bool) -> None:
    """Gives the complete file, which pg_dump has synced, its name."""
    if force:
        partial.replace(file)
    else:
        try:
            file.hardlink_to(partial)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise CannotBackUp(_exists(file)) from None
        except OSError:  # the file system has no hard links
            partial.rename(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    """Makes the names of its files survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exists(file: Path) -> str:
    return (
        f"{json.dumps(str(file))} already exists: choose another name, or replace it with --force"
    )
