"""PostgreSQL servers for tests: at most one of each kind per run, shared by the run's workers.

The process that the run was started in calls `open_run` first and `close_run` last (conftest's
`pytest_configure` and `pytest_unconfigure`; workers of pytest-xdist do not). Whoever needs a server
starts it, or shares it when it runs; nobody ends it but `close_run`. Runs that were killed are
tidied up by the next one. Databases, schemas and fixtures are made elsewhere.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from customers.devtools import locks
from customers.devtools.server import start
from tests.support.patience import PATIENCE_SECONDS

_PREFIX = "customers-tests-"
_RUN = "CUSTOMERS_TEST_RUN"
_SERVER_PROGRAMS = ("initdb", "pg_ctl", "postgres")


def open_run() -> None:
    """Make the folder of this run's servers; the environment tells the workers where it is."""
    _tidy_up()
    run = Path(tempfile.mkdtemp(prefix=_PREFIX))
    run.chmod(0o711)
    locks.claim(run / "run.lock.new")
    (run / "run.lock.new").rename(run / "run.lock")
    os.environ[_RUN] = str(run)


def close_run() -> None:
    """End this run's servers and delete what they kept."""
    _remove(Path(os.environ.pop(_RUN)))


def start_test_server() -> str:
    """The superuser's URL of the run's PostgreSQL 18. Blocks; not where an event loop runs."""
    return start(_folder("embedded"), durable=False).dsn


def start_local(programs: Path) -> str:
    """The superuser's URL of the run's server from these programs. As `start_test_server`."""
    return start(_folder("local"), durable=False, programs=programs).dsn


def local_programs(major: int = 15) -> Path | None:
    """The folder of this machine's own PostgreSQL programs of that version, if it has them."""
    for folder in (Path(f"/usr/lib/postgresql/{major}/bin"), _configured(major)):
        if folder and all((folder / program).exists() for program in _SERVER_PROGRAMS):
            return folder
    return None


def end_server(folder: Path) -> None:
    """End the server on this folder, whoever uses it and whatever becomes of the data."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while locks.is_held(folder / "server.lock"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the test server on {folder} did not end: end it by hand")
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(server_pid(folder), signal.SIGQUIT)
        time.sleep(0.05)


def server_pid(folder: Path) -> int:
    """The number of the process of the server on this folder, as the server noted it."""
    noted = (folder / "cluster" / "data" / "postmaster.pid").read_text(encoding="utf-8")
    return int(noted.split()[0])


def _configured(major: int) -> Path | None:
    if (config := shutil.which("pg_config")) is None:
        return None
    asked = [config, "--version", "--bindir"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True)
    name, folder = said.stdout.splitlines()
    return Path(folder) if name.startswith(f"PostgreSQL {major}") else None


def _folder(name: str) -> Path:
    # PostgreSQL 15 wants to look up the path to its data; for root it runs as another user.
    folder = Path(os.environ[_RUN]) / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


def _tidy_up() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/run.lock"):
        with suppress(FileNotFoundError):  # another run tidies up, too
            if lock.stat().st_uid == os.getuid() and not locks.is_held(lock):
                _remove(lock.parent)


def _remove(run: Path) -> None:
    for lock in run.glob("*/server.lock"):
        end_server(lock.parent)
    shutil.rmtree(run)
