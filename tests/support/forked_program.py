"""The command `customers` without its start: a process that has imported the program forks for each
command.

Importing the program takes longer than most commands. Tests of how the command starts, and of its
workers, run it as a new program: see `service_process`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from attrs import frozen

from customers.entrypoints.cli import main
from tests.support import service_process
from tests.support.service_process import (
    CustomersProcess,
    Started,
    environment_in,
    killed_at_the_end,
)


@contextmanager
def start_command(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[CustomersProcess]:
    """As `service_process.start_command`, in a fork."""
    environment = environment_in(folder, environ)
    process = _context().Process(target=_run, args=(arguments, environment, folder))
    process.start()
    started = CustomersProcess(process=_Forked(process), folder=folder)
    with killed_at_the_end(started):
        yield started


# As `service_process.start_service`, in a fork.
start_service = partial(service_process.start_service, start=start_command)


@frozen
class _Forked(Started):
    _process: ForkServerProcess

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("customers", timeout or 0)
        return code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


@cache
def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.support.imported_program"])
    return context


def _run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    """Runs the command in a session, an environment and a folder of its own."""
    os.setsid()
    for name, number in (("out.log", 1), ("errors.log", 2)):
        file = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["customers", *arguments]
    main()
