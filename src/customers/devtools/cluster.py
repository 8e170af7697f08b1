"""The data of one PostgreSQL server, and the commands that start and stop the server.

    folder/              owned by the service's user, mode 700
      cluster/           owned by the server's user, mode 700; created as a whole or not at all
        password         of the superuser `postgres`
        data/            PostgreSQL's data directory
      server.lock        held by the server's processes as long as one of them runs
      server.log         of the current run
      turn.lock          held while a process starts or stops the server; see `server`
      users.lock         shared by all processes that use the server; see `server`

Every method blocks, and its caller must hold `turn.lock`.
"""

import asyncio
import os
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import BinaryIO

import asyncpg
from attrs import frozen

from customers.devtools import locks
from customers.devtools.failure import LOG, programs_failed
from customers.devtools.preconditions import check_free_space, check_version
from customers.devtools.programs import Programs

_ATTEMPTS = 3
_START_SECONDS = 60
_STOP_SECONDS = 10
_READY_LINE, _PORT_LINE = 7, 3
# The server must know non-ASCII letters as letters (for a trigram index); text sorts by code point.
_CHARACTER_TYPE = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_messages": "log",  # else failed statements write customers' data to the log
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@frozen(kw_only=True)
class Cluster:
    """The folder of one server, and the programs that run the server.

    Without `durable` a power cut may damage the data.
    """

    folder: Path
    programs: Programs
    durable: bool

    def create(self) -> None:
        """Creates the data if there is none; the remains of a crashed creation are removed.

        Raises EmbeddedPostgresFailed, also for data that the programs cannot read.
        """
        if self._cluster.exists():
            check_version(self._data, installed=self.programs.major_version())
            return
        new = self.folder / "new"
        if new.exists():
            shutil.rmtree(new)
        check_free_space(self.folder)
        self._create_folder(new)
        self._initialise(new / "data")
        new.rename(self._cluster)
        _sync(self.folder)

    def run(self) -> str:
        """Starts the server unless it runs already; returns its URL once it answers.

        Raises EmbeddedPostgresFailed.
        """
        for _ in range(_ATTEMPTS):
            if (dsn := self.dsn()) is not None:
                return dsn
            lock = locks.claim(self._lock)
            if lock is None:
                self._wait_for_running_server()
            else:
                self._launch(lock)
        if (dsn := self.dsn()) is not None:
            return dsn
        raise programs_failed(self.folder, "did not start")

    def stop(self) -> None:
        """Stops the server and closes its connections. Raises EmbeddedPostgresFailed."""
        with self._log.open("ab") as log:
            limit = ["-m", "fast", "-w", "-t", str(_STOP_SECONDS)]
            status = self.programs.run("pg_ctl", *limit, "stop", data=self._data, log=log)
        if status != 0 and locks.is_held(self._lock):
            raise programs_failed(self.folder, f"did not stop within {_STOP_SECONDS} s")

    def dsn(self) -> str | None:
        """The URL of the server; None unless it runs, answers and accepts our password."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        if len(lines) <= _READY_LINE or lines[_READY_LINE].strip() != "ready":
            return None
        password = (self._cluster / "password").read_text(encoding="ascii")
        dsn = f"postgresql://postgres:{password}@127.0.0.1:{lines[_PORT_LINE]}/postgres"
        return dsn if asyncio.run(_accepts_connections(dsn)) else None

    def _create_folder(self, new: Path) -> None:
        (new / "data").mkdir(parents=True, mode=0o700)
        new.chmod(0o700)
        (new / "password").write_text(secrets.token_urlsafe(24), encoding="ascii")
        self._change_owner(new, new / "data", new / "password")

    def _change_owner(self, *paths: Path) -> None:
        if self.programs.user is not None:
            for path in paths:
                os.chown(path, self.programs.user.uid, self.programs.user.gid)

    def _initialise(self, data: Path) -> None:
        login = ["--username=postgres", "--pwfile=../password", "--auth=scram-sha-256"]
        text = ["--encoding=UTF8", "--locale=C", f"--lc-ctype={_CHARACTER_TYPE}"]
        speed = [] if self.durable else ["--no-sync"]
        with self._new_log() as log:
            status = self.programs.run("initdb", *login, *text, *speed, data=data, log=log)
        if status != 0:
            reason = f"could not be created (initdb ended with status {status})"
            raise programs_failed(self.folder, reason)

    def _launch(self, lock: int) -> None:
        # The server inherits the lock. The lock was free, so no server runs here: a pid file was
        # left behind, by a power cut for example, and its pid may now be that of any process.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        settings = _SETTINGS | {"port": str(_free_port())} | ({} if self.durable else _NOT_DURABLE)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments = ["-w", "-t", str(_START_SECONDS), "-o", options, "start"]
        try:
            with self._new_log() as log:
                self.programs.run("pg_ctl", *arguments, data=self._data, log=log, inherit=(lock,))
        finally:
            os.close(lock)

    def _wait_for_running_server(self) -> None:
        # The server is still starting (the process that started it was killed) or still stopping.
        deadline = time.monotonic() + _START_SECONDS
        while locks.is_held(self._lock) and self.dsn() is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def _new_log(self) -> BinaryIO:
        self._log.unlink(missing_ok=True)
        return self._log.open("ab")

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def _data(self) -> Path:
        return self._cluster / "data"

    @property
    def _lock(self) -> Path:
        return self.folder / "server.lock"

    @property
    def _log(self) -> Path:
        return self.folder / LOG


async def _accepts_connections(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    await connection.close()
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _sync(folder: Path) -> None:
    # A rename survives a power cut only once its parent folder is on disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
