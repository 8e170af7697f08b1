"""PostgreSQL's own programs psql, pg_dump and pg_restore: where they are, and how they are run."""

import asyncio
import re
import shutil
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from attrs import frozen

_NAMES = ("psql", "pg_dump", "pg_restore")
_MAJOR = re.compile(rb"\(PostgreSQL\) (\d+)")
_INSTALL = (
    "install the client programs of PostgreSQL{version}, such as the package postgresql-client, "
    "and put them on the PATH"
)


class ProgramsMissing(Exception):
    """No programs can be used; the message says why, and what to install."""


class ProgramFailed(Exception):
    """A program ended with an error; the message quotes that error, without any rows."""


@frozen(kw_only=True)
class ClientPrograms:
    """A folder with all three programs, their major version, and whether they can use TLS."""

    folder: Path
    major: int
    has_tls: bool

    def path(self, name: str) -> str:
        return str(self.folder / name)


@frozen(kw_only=True)
class Installation:
    """Where programs are looked for: in the folder of the wheel, if there is one, and on the PATH
    of `environ`, the environment in which they run.
    """

    wheel: Path | None
    environ: Mapping[str, str]


@frozen(kw_only=True)
class ProgramResult:
    """The exit status of a program, its output (`text`) and its error messages."""

    status: int
    text: str
    errors: str


@frozen
class Running:
    """A running program, whose three streams are pipes."""

    process: Process

    @property
    def stdin(self) -> StreamWriter:
        return cast(StreamWriter, self.process.stdin)

    @property
    def stdout(self) -> StreamReader:
        return cast(StreamReader, self.process.stdout)

    @property
    def stderr(self) -> StreamReader:
        return cast(StreamReader, self.process.stderr)


async def find_programs(installation: Installation) -> list[ClientPrograms]:
    """The usable programs: of the wheel's folder, if there is one, and of the PATH."""
    environ = installation.environ
    on_path = shutil.which("pg_dump", path=environ.get("PATH"))
    folders = [installation.wheel, Path(on_path).parent if on_path else None]
    candidates = [await _examine(folder, environ) for folder in folders if folder is not None]
    return [programs for programs in candidates if programs is not None]


def choose(
    candidates: Sequence[ClientPrograms], *, server: int = 0, needs_tls: bool = False
) -> ClientPrograms:
    """The newest programs that can be used. Raises ProgramsMissing.

    `server` is the major version of the server; pg_dump refuses a server newer than itself.
    """
    new_enough = [programs for programs in candidates if programs.major >= server]
    usable = [programs for programs in new_enough if programs.has_tls or not needs_tls]
    if usable:
        return max(usable, key=lambda one: one.major)
    raise ProgramsMissing(_what_is_missing(candidates, new_enough, server))


async def run(
    programs: ClientPrograms, name: str, *arguments: str, environ: Mapping[str, str]
) -> ProgramResult:
    """Runs a program to its end, without input and with messages in English. If it is cancelled,
    the program is killed.
    """
    async with running(programs, name, *arguments, environ=environ) as program:
        text, errors = await program.process.communicate()
    return ProgramResult(
        status=program.process.returncode or 0,
        text=text.decode(errors="replace"),
        errors=errors.decode(errors="replace"),
    )


@asynccontextmanager
async def running(
    programs: ClientPrograms, name: str, *arguments: str, environ: Mapping[str, str]
) -> AsyncIterator[Running]:
    """A program that runs in the block, with messages in English; killed when the block ends."""
    path, env = programs.path(name), {**environ, "LC_ALL": "C"}
    process = await asyncio.create_subprocess_exec(
        path, *arguments, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _examine(folder: Path, environ: Mapping[str, str]) -> ClientPrograms | None:
    if not all((folder / name).exists() for name in _NAMES):
        return None
    unknown = ClientPrograms(folder=folder, major=0, has_tls=False)
    try:
        version = await run(unknown, "pg_dump", "--version", environ=environ)
        has_tls = await _has_tls(unknown, environ)
    except OSError:
        return None
    if (match := _MAJOR.search(version.text.encode())) is None:
        return None
    return ClientPrograms(folder=folder, major=int(match[1]), has_tls=has_tls)


async def _has_tls(programs: ClientPrograms, environ: Mapping[str, str]) -> bool:
    # Without a server: programs without TLS refuse the parameter before they connect.
    tls = "host=/nonexistent sslmode=require"
    attempt = await run(programs, "psql", "--no-psqlrc", "--dbname", tls, environ=environ)
    return "SSL support is not compiled in" not in attempt.errors


def _what_is_missing(
    candidates: Sequence[ClientPrograms], new_enough: Sequence[ClientPrograms], server: int
) -> str:
    install = _INSTALL.format(version=f" {server} or later" if server else "")
    if new_enough:
        folders = " and ".join(str(programs.folder) for programs in new_enough)
        return f"the connection uses TLS, and PostgreSQL's programs in {folders} do not: {install}"
    if candidates:
        older = " and ".join(f"{programs.major} in {programs.folder}" for programs in candidates)
        return (
            f"the programs here are older than the server, PostgreSQL {server} ({older}): {install}"
        )
    return f"PostgreSQL's programs psql, pg_dump and pg_restore were not found: {install}"
