"""Runs one of several worker processes that share the ports.

Its standard input is a socket to the supervisor (see `workers.py`). The command arrives there, the
worker reports there that it serves, and when the socket closes, the supervisor has died and the
worker stops.
"""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Self

from attrs import frozen

from customers.entrypoints.config.setting_types import DatabaseUrl, Secret, SecretKeys
from customers.entrypoints.config.settings import Settings, catalogue
from customers.entrypoints.container import Container
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.listeners import open_listeners
from customers.entrypoints.process.signals import StopSignal, stop_on_signals

SERVING = b"serving\n"
SAMPLE_SECONDS = 1.0
STANDARD_INPUT = 0


@frozen(kw_only=True)
class WorkerCommand:
    """The settings with which a worker serves, and the folder of the shared metrics.

    The command is passed through standard input, because it contains secrets, such as the database
    password, and other users can read the arguments of a process.
    """

    settings: Settings
    metrics_dir: Path

    def as_line(self) -> bytes:
        values = {setting.name: getattr(self.settings, setting.name) for setting in catalogue()}
        texts = {name: _text(value) for name, value in values.items() if value is not None}
        return json.dumps([texts, str(self.metrics_dir)]).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        texts, metrics_dir = json.loads(line)
        return cls(settings=Settings.load({}, texts), metrics_dir=Path(metrics_dir))


class NotStartedByServe(Exception):
    """Standard input is not a socket: a person has run the command."""


def receive_command() -> tuple[WorkerCommand, socket.socket]:
    """The command and the socket to the supervisor; exits if the supervisor has died. Raises
    NotStartedByServe.
    """
    try:
        lifeline = socket.socket(fileno=os.dup(STANDARD_INPUT))
    except OSError:
        raise NotStartedByServe from None
    with lifeline.makefile("rb", buffering=0) as stream:
        line = stream.readline()
    if not line:
        sys.exit(0)
    return WorkerCommand.from_line(line), lifeline


async def work(command: WorkerCommand, lifeline: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, or until the supervisor has died."""
    settings = command.settings
    if settings.database_url is None:
        raise RuntimeError("the command of a worker has no database URL")
    dsn = settings.database_url.reveal()
    container = Container(settings=settings, dsn=dsn, multiprocess_dir=command.metrics_dir)
    async with (
        stop_on_signals() as stop,
        _follow_supervisor(lifeline, stop, command.metrics_dir) as supervisor,
        open_listeners(container),
        _sample(container.metrics()),
    ):
        supervisor.write(SERVING)
        await stop.wait()


@asynccontextmanager
async def _follow_supervisor(
    lifeline: socket.socket, stop: StopSignal, metrics_dir: Path
) -> AsyncIterator[asyncio.StreamWriter]:
    """A stream to the supervisor. If the supervisor dies, the stop is requested, and `metrics_dir`
    is removed after the block.
    """
    reader, writer = await asyncio.open_unix_connection(sock=lifeline)

    async def stop_at_end() -> None:
        await reader.read()
        stop.request()

    reading = asyncio.create_task(stop_at_end())
    try:
        yield writer
    finally:
        reading.cancel()
        writer.close()
        if reader.at_eof():
            shutil.rmtree(metrics_dir, ignore_errors=True)


@asynccontextmanager
async def _sample(metrics: Metrics) -> AsyncIterator[None]:
    """Samples the metrics every second while the block runs, for the worker that merges them."""

    async def sample() -> None:
        while True:
            metrics.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampling.cancel()


def _text(value: object) -> str:
    """The value as the text of a setting; the text of a float has no exponent."""
    if isinstance(value, float):
        return format(Decimal(str(value)), "f")
    return value.reveal() if isinstance(value, DatabaseUrl | Secret | SecretKeys) else str(value)
