"""Steps with processes in production: commands, calls, and the lines of their logs."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.access import TRUSTED
from tests.support.forked_program import start_command
from tests.support.service_process import CustomersProcess, Service, call, connect


def get(service: Service, path: str) -> tuple[int, Any]:
    with closing(connect(service)) as connection:
        status, content, _ = call(connection, "GET", path)
    return status, content


def another(folder: Path) -> Path:
    """A new folder for a second process, so that the outputs of the two do not mix."""
    other = folder / "other"
    other.mkdir()
    return other


def migrate(folder: Path, url: str, *arguments: str) -> None:
    with start_command(folder, "migrate", *arguments, environ={"DATABASE_URL": url}) as migration:
        assert migration.exit_code() == 0, migration.errors


def production(url: str, **environ: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "ENVIRONMENT": "production", **TRUSTED, **environ}


def lines(process: CustomersProcess) -> list[dict[str, Any]]:
    """The JSON objects that a process in production wrote, one per line: output, then errors."""
    return [json.loads(line) for line in (process.output + process.errors).splitlines()]
