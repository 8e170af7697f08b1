"""The data of one PostgreSQL server and that server's life. Who may end it is decided elsewhere.

    folder/              the service's user's, mode 700
      cluster/           the server's user's, mode 700: made whole or not at all
        password         of the superuser `postgres`
        data/            what PostgreSQL calls its data directory
      server.lock        held by the server's own processes as long as one of them lives
      server.log         of the run at hand

Every method blocks, and expects its caller to have the turn in this folder.
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
from customers.devtools.failure import LOG, EmbeddedPostgresFailed
from customers.devtools.programs import Programs

_ATTEMPTS = 3
_START_SECONDS = 60
_END_SECONDS = 10
_READY_LINE, _PORT_LINE = 7, 3
# Letters beyond ASCII count as letters (a trigram index needs that), text sorts by code point.
_LETTERS = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_messages": "log",  # refused statements would bring customers' data into the log
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@frozen(kw_only=True)
class Cluster:
    """One folder, the programs for it, and whether its data survives a power cut."""

    folder: Path
    programs: Programs
    durable: bool

    def make(self) -> None:
        """Make the data if there is none yet; a crash on the way leaves nothing that counts."""
        if self._whole.exists():
            return
        new = self.folder / "new"
        if new.exists():
            shutil.rmtree(new)
        (new / "data").mkdir(parents=True, mode=0o700)
        new.chmod(0o700)
        (new / "password").write_text(secrets.token_urlsafe(24), encoding="ascii")
        self._hand_over(new, new / "data", new / "password")
        self._initialise(new / "data")
        new.rename(self._whole)
        _settle(self.folder)

    def run(self) -> str:
        """Find the server running or start it; returns its URL once it answers."""
        for _ in range(_ATTEMPTS):
            if (dsn := self.dsn()) is not None:
                return dsn
            lock = locks.claim(self._lock)
            if lock is None:
                self._wait_for_the_one_there()
            else:
                self._launch(lock)
        if (dsn := self.dsn()) is not None:
            return dsn
        raise EmbeddedPostgresFailed(folder=self.folder, reason="did not start")

    def end(self) -> None:
        """End the server and its connections; what was committed is on disk."""
        with self._log.open("ab") as log:
            limit = ["-m", "fast", "-w", "-t", str(_END_SECONDS)]
            status = self.programs.run("pg_ctl", *limit, "stop", data=self._data, log=log)
        if status != 0 and locks.is_held(self._lock):
            reason = f"did not end within {_END_SECONDS} s"
            raise EmbeddedPostgresFailed(folder=self.folder, reason=reason)

    def dsn(self) -> str | None:
        """The URL of the server if it runs, is ours (it knows our password) and answers."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        if len(lines) <= _READY_LINE or lines[_READY_LINE].strip() != "ready":
            return None
        password = (self._whole / "password").read_text(encoding="ascii")
        dsn = f"postgresql://postgres:{password}@127.0.0.1:{lines[_PORT_LINE]}/postgres"
        return dsn if asyncio.run(_answers(dsn)) else None

    def _hand_over(self, *paths: Path) -> None:
        if self.programs.user is not None:
            for path in paths:
                os.chown(path, self.programs.user.uid, self.programs.user.gid)

    def _initialise(self, data: Path) -> None:
        who = ["--username=postgres", "--pwfile=../password", "--auth=scram-sha-256"]
        text = ["--encoding=UTF8", "--locale=C", f"--lc-ctype={_LETTERS}"]
        speed = [] if self.durable else ["--no-sync"]
        with self._fresh_log() as log:
            status = self.programs.run("initdb", *who, *text, *speed, data=data, log=log)
        if status != 0:
            reason = f"could not be made (initdb ended with status {status})"
            raise EmbeddedPostgresFailed(folder=self.folder, reason=reason)

    def _launch(self, lock: int) -> None:
        # The server inherits the lock. It was free, so no server lives here, and a pid file is
        # a leftover of a power cut, whose number may be any process's by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        settings = _SETTINGS | {"port": str(_free_port())} | ({} if self.durable else _FORGETFUL)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments = ["-w", "-t", str(_START_SECONDS), "-o", options, "start"]
        try:
            with self._fresh_log() as log:
                self.programs.run("pg_ctl", *arguments, data=self._data, log=log, inherit=(lock,))
        finally:
            os.close(lock)

    def _wait_for_the_one_there(self) -> None:
        # It is still coming up (who started it was killed) or still going down.
        deadline = time.monotonic() + _START_SECONDS
        while locks.is_held(self._lock) and self.dsn() is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def _fresh_log(self) -> BinaryIO:
        self._log.unlink(missing_ok=True)
        return self._log.open("ab")

    @property
    def _whole(self) -> Path:
        return self.folder / "cluster"

    @property
    def _data(self) -> Path:
        return self._whole / "data"

    @property
    def _lock(self) -> Path:
        return self.folder / "server.lock"

    @property
    def _log(self) -> Path:
        return self.folder / LOG


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    await connection.close()
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _settle(folder: Path) -> None:
    # A renamed folder outlasts a power cut only when the folder that names it is on disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
