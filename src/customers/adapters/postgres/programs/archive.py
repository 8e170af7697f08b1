"""A backup file: an archive of pg_dump in its custom format."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from customers.adapters.postgres.programs.client_programs import ClientPrograms, ProgramResult, run
from customers.adapters.postgres.programs.database_facts import VERSION_TABLE
from customers.adapters.postgres.programs.program_errors import first_error

# A line of the table of contents: `217; 1259 16906 TABLE public customers owner`
_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE (?!DATA |ATTACH )(\S+) (\S+) ", re.MULTILINE)


class NotABackup(Exception):
    """The file cannot be read, or is not a backup of this service."""


@frozen(kw_only=True)
class Archive:
    """A backup file, the programs that can read it, the schema that holds the customers, and the
    names of the tables in that schema.
    """

    file: Path
    programs: ClientPrograms
    schema: str
    tables: frozenset[str]


async def read_archive(
    file: Path, candidates: Sequence[ClientPrograms], environ: Mapping[str, str]
) -> Archive:
    """The archive in a file, read with the first candidate that can read it. Raises NotABackup."""
    name = json.dumps(str(file))
    _expect_readable(file)
    programs, listed = await _list(file, candidates, environ)
    if listed.status != 0:
        raise NotABackup(f"{name} is not a backup: {first_error(listed.errors)}")
    tables = _TABLE.findall(listed.text)
    schema = next((schema for schema, table in tables if table == "customers"), None)
    names = frozenset(table for owner, table in tables if owner == schema)
    if schema is None or VERSION_TABLE not in names:
        raise NotABackup(f"{name} is a backup of another database: it lacks the service's tables")
    return Archive(file=file, programs=programs, schema=schema, tables=names)


def _expect_readable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        name = json.dumps(str(file))
        raise NotABackup(f"{name} cannot be read: {error.strerror}") from None


async def _list(
    file: Path, candidates: Sequence[ClientPrograms], environ: Mapping[str, str]
) -> tuple[ClientPrograms, ProgramResult]:
    """The first candidate that can list the file, else the last one, and what that printed."""
    for programs in candidates:
        listed = await run(programs, "pg_restore", "--list", str(file), environ=environ)
        if listed.status == 0:
            break
    return programs, listed
