"""The service as a process of its own, for tests that start, stop and kill it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

START_SECONDS = 60.0


@define
class Service:
    """A running `customers serve`; its ports stay the same when it is started again."""

    folder: Path
    environment: dict[str, str]
    http: str = ""
    grpc: str = ""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Returns once it serves. Raises AssertionError with its log when it does not."""
        ready, log = self.folder / "ready.json", self.folder / "service.log"
        ready.unlink(missing_ok=True)
        with log.open("ab") as lines:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", "--ready-file", str(ready), *self._ports()],
                env=os.environ | self.environment,
                stdout=lines,
                stderr=lines,
            )
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert self._process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        self.http, self.grpc = said["http"], said["grpc"]

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        return self._end(signal.SIGTERM)

    def kill_and_start_again(self) -> None:
        self._end(signal.SIGKILL)
        self.start()

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        return self._process.wait(timeout=START_SECONDS)

    def _ports(self) -> list[str]:
        taken = (self.http.rpartition(":")[2] or "0", self.grpc.rpartition(":")[2] or "0")
        return ["--port", taken[0], "--rpc-port", taken[1]]


COMMAND = [sys.executable, "-c", "from customers.entrypoints.cli import main; main()"]


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Service]:
    """A service with these variables, ended with the block."""
    service = Service(folder=folder, environment={"LOG_LEVEL": "warning", **environment})
    service.start()
    try:
        yield service
    finally:
        service.stop()
