"""A service that tests can kill and restart."""

import signal
from contextlib import ExitStack
from pathlib import Path

from tests.support.forked_program import start_service
from tests.support.service_process import FREE_PORTS, Service


class RestartableService(ExitStack):
    """A service on a database; it serves at the same ports after every restart."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__()
        self._folder, self._url, self._starts = folder, url, 0
        self.service = self._start(*FREE_PORTS)

    def kill_and_restart(self) -> None:
        self.service.send(signal.SIGKILL)
        self.service.process.wait()
        addresses = (self.service.http, self.service.grpc)
        port, rpc_port = (address.rpartition(":")[2] for address in addresses)
        self.service = self._start("--port", port, "--rpc-port", rpc_port)

    def _start(self, *ports: str) -> Service:
        self._starts += 1
        folder = self._folder / str(self._starts)
        folder.mkdir()
        environ = {"DATABASE_URL": self._url, "LOG_LEVEL": "warning"}
        return self.enter_context(start_service(folder, *ports, environ=environ))
