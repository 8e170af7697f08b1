"""PostgreSQL servers for tests: at most one of each kind per run, shared by the run's workers.

The main process of a run calls `open_run` first and `close_run` last, in conftest's
`pytest_configure` and `pytest_unconfigure`; workers of pytest-xdist do not. A test that needs a
server starts it, or shares the running one; only `close_run` stops it. A run removes the remains of
killed runs. The fixtures of databases are in `tests/integration/conftest.py`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from customers.devtools import locks
from customers.devtools.failure import LOG
from customers.devtools.server import start

_PREFIX = "customers-tests-"
_RUN = "CUSTOMERS_TEST_RUN"
_SERVER_PROGRAMS = ("initdb", "pg_ctl", "postgres")


def open_run() -> None:
    """Creates the folder of this run's servers; its path is in the environment of the workers."""
    _remove_killed_runs()
    run = Path(tempfile.mkdtemp(prefix=_PREFIX))
    run.chmod(0o711)
    locks.claim(run / "run.lock.new")
    (run / "run.lock.new").rename(run / "run.lock")
    os.environ[_RUN] = str(run)


def close_run() -> None:
    """Stops this run's servers and deletes their data."""
    _remove(Path(os.environ.pop(_RUN)))


def start_test_server() -> str:
    """The superuser's URL of the run's PostgreSQL 18. Blocks; not for use in an event loop."""
    return start(_folder("embedded"), durable=False).dsn


def log_of_test_server() -> str:
    """What the run's PostgreSQL 18 has logged since it started."""
    return (_folder("embedded") / LOG).read_text(encoding="utf-8", errors="replace")


def start_local(programs: Path) -> str:
    """As `start_test_server`, for a server of these programs."""
    return start(_folder("local"), durable=False, programs=programs).dsn


def start_local_for_tls(programs: Path, certificate: Path) -> str:
    """As `start_local`, for a server that has the certificate, with its key, in `server.pem`."""
    folder = _folder("tls")
    url = start(folder, durable=False, programs=programs).dsn
    data = folder / "cluster" / "data"
    copy = data / "server.pem"
    shutil.copyfile(certificate, copy)
    copy.chmod(0o600)
    os.chown(copy, data.stat().st_uid, data.stat().st_gid)
    return url


def local_programs(major: int = 15) -> Path | None:
    """The folder of the PostgreSQL programs of that version on this machine, or None."""
    for folder in (Path(f"/usr/lib/postgresql/{major}/bin"), _configured(major)):
        if folder and all((folder / program).exists() for program in _SERVER_PROGRAMS):
            return folder
    return None


def end_server(folder: Path) -> None:
    """Stops the server in this folder at once, even if it is in use."""
    deadline = time.monotonic() + 20
    while locks.is_held(folder / "server.lock"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the test server on {folder} did not stop: stop it by hand")
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(server_pid(folder), signal.SIGQUIT)
        time.sleep(0.05)


def server_pid(folder: Path) -> int:
    """The process id of the server in this folder, by its pid file."""
    pid_file = (folder / "cluster" / "data" / "postmaster.pid").read_text(encoding="utf-8")
    return int(pid_file.split()[0])


def _configured(major: int) -> Path | None:
    if (config := shutil.which("pg_config")) is None:
        return None
    command = [config, "--version", "--bindir"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    name, folder = process.stdout.splitlines()
    return Path(folder) if name.startswith(f"PostgreSQL {major}") else None


def _folder(name: str) -> Path:
    # PostgreSQL 15 resolves the path to its data; if the tests run as root, it is another user.
    folder = Path(os.environ[_RUN]) / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


def _remove_killed_runs() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/run.lock"):
        with suppress(FileNotFoundError):  # another run may remove it at the same time
            if lock.stat().st_uid == os.getuid() and not locks.is_held(lock):
                _remove(lock.parent)


def _remove(run: Path) -> None:
    for lock in run.glob("*/server.lock"):
        end_server(lock.parent)
    shutil.rmtree(run)


NEEDS_15 = pytest.mark.skipif(
    local_programs() is None, reason="there is no PostgreSQL 15 on this machine"
)
