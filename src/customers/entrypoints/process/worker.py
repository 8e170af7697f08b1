"""One of several processes that share the ports: what it is told, how it serves, when it ends.

Its standard input is a socket to the supervisor (see `workers`): the order comes through it, the
worker says there that it serves, and once it closes the supervisor is gone and the worker ends.
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

from customers.entrypoints.config.setting_types import DatabaseUrl
from customers.entrypoints.config.settings import Settings, catalogue
from customers.entrypoints.container import Container
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.process.listeners import listening
from customers.entrypoints.process.signals import Stop, until_stopped

SERVING = b"serving\n"
SAMPLE_SECONDS = 1.0


@frozen(kw_only=True)
class WorkerCommand:
    """What a worker is told. As arguments or variables, others could see the password."""

    settings: Settings
    metrics_dir: Path

    def line(self) -> bytes:
        values = {each.name: getattr(self.settings, each.name) for each in catalogue()}
        texts = {name: _text(value) for name, value in values.items() if value is not None}
        return json.dumps([texts, str(self.metrics_dir)]).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self:
        texts, metrics_dir = json.loads(line)
        return cls(settings=Settings.load({}, texts), metrics_dir=Path(metrics_dir))


def receive() -> tuple[WorkerCommand, socket.socket]:
    """The order and the socket it came through; exits when there is no supervisor any more."""
    lifeline = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    with lifeline.makefile("rb", buffering=0) as told:
        line = told.readline()
    if not line:
        sys.exit(0)
    return WorkerCommand.of(line), lifeline


async def work(order: WorkerCommand, lifeline: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, or until the supervisor is gone."""
    settings = order.settings
    if settings.database_url is None:
        raise RuntimeError("a worker was not told where the database is")
    dsn = settings.database_url.reveal()
    container = Container(settings=settings, dsn=dsn, multiprocess_dir=order.metrics_dir)
    async with (
        until_stopped() as stop,
        _watched(lifeline, stop, order.metrics_dir) as supervisor,
        listening(container),
        _sampled(container.metrics()),
    ):
        supervisor.write(SERVING)
        await stop.wait()


@asynccontextmanager
async def _watched(
    lifeline: socket.socket, stop: Stop, left: Path
) -> AsyncIterator[asyncio.StreamWriter]:
    """The way to the supervisor. Its end asks for ours, and what it left is removed."""
    reader, writer = await asyncio.open_unix_connection(sock=lifeline)

    async def watch() -> None:
        await reader.read()
        stop.ask()

    watching = asyncio.create_task(watch())
    try:
        yield writer
    finally:
        watching.cancel()
        writer.close()
        if reader.at_eof():
            shutil.rmtree(left, ignore_errors=True)


@asynccontextmanager
async def _sampled(metrics: Metrics) -> AsyncIterator[None]:
    """The pool's numbers are taken now and then, for the processes that are asked for them."""

    async def sample() -> None:
        while True:
            metrics.sample_pool()
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampling.cancel()


def _text(value: object) -> str:
    """As somebody would write it: settings know no exponents."""
    if isinstance(value, float):
        return format(Decimal(str(value)), "f")
    return value.reveal() if isinstance(value, DatabaseUrl) else str(value)
