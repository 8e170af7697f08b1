"""Several processes on the same two ports: made, replaced when they die, ended together.

Each is a fresh interpreter (see `worker`) that gets its order through a socket. The supervisor
serves nothing itself; the database is ready when it comes here.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define, evolve, field, frozen

from customers.entrypoints.config.setting_types import DatabaseUrl
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import forget_process, shared_environment
from customers.entrypoints.process.sockets import bound, explained
from customers.entrypoints.process.worker import SERVING, WorkerCommand

COMMAND = (sys.executable, "-P", "-m", "customers.entrypoints.cli", "worker")
# A worker ends by itself in less than this; the database still has to end after the workers.
SECONDS_TO_END = 14.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SECONDS_OF_GOOD_LIFE = 60.0


class WorkerFailed(Exception):
    """A worker ended before it ever served: what it has to say stands before this."""


@asynccontextmanager
async def supervised(settings: Settings, dsn: str) -> AsyncIterator[tuple[int, int]]:
    """As many processes as the settings say serve the two ports while the block runs.

    Raises CannotListen, and WorkerFailed in an ExceptionGroup.
    """
    with ExitStack() as held:
        port = await _reserved(settings, "PORT", settings.port, "HTTP", held)
        rpc_port = await _reserved(settings, "RPC_PORT", settings.rpc_port, "gRPC", held)
        order = WorkerCommand(
            settings=evolve(
                settings,
                port=port,
                rpc_port=rpc_port,
                database_url=DatabaseUrl.read(dsn),
                ready_file=None,
            ),
            metrics_dir=Path(held.enter_context(TemporaryDirectory(prefix="customers-metrics-"))),
        )
        async with asyncio.TaskGroup() as group:
            posts = [Post(order) for _ in range(settings.workers)]
            kept = [group.create_task(post.keep()) for post in posts]
            for post in posts:
                await post.has_served.wait()
            yield port, rpc_port
            for each in kept:
                each.cancel()


@define(eq=False)
class Post:
    """The place of one worker, which is filled again when the worker dies."""

    _order: WorkerCommand
    has_served: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def keep(self) -> None:
        """Until cancelled; then the worker has ended. Raises WorkerFailed."""
        loop, pause = asyncio.get_running_loop(), SHORTEST_PAUSE
        while True:
            background_tasks = loop.time()
            async with _working(self._order) as worker:
                if await worker.serves():
                    self.has_served.set()
                status = await worker.process.wait()
            if not self.has_served.is_set():
                raise WorkerFailed(f"a worker ended with status {status} before it served")
            if loop.time() - background_tasks > SECONDS_OF_GOOD_LIFE:
                pause = SHORTEST_PAUSE
            logger().error("a worker has died", pid=worker.process.pid, status=status, pause=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


@frozen(kw_only=True)
class Worker:
    process: asyncio.subprocess.Process
    _told: asyncio.StreamReader

    async def serves(self) -> bool:
        """Returns when it serves, or with False when it has ended before that."""
        return await self._told.readline() == SERVING

    async def end(self) -> None:
        """Asks it to end; one that does not is killed."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(SECONDS_TO_END):
                await self.process.wait()
        except TimeoutError:
            logger().error("a worker did not end in time and is killed", pid=self.process.pid)
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def _working(order: WorkerCommand) -> AsyncIterator[Worker]:
    """A worker, which has ended when the block has."""
    ours, theirs = socket.socketpair()
    with theirs:
        environment = os.environ | shared_environment(order.metrics_dir)  # noqa: TID251 - handed on
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=theirs.fileno(), env=environment
        )
    told, lifeline = await asyncio.open_unix_connection(sock=ours)
    worker = Worker(process=process, told=told)
    try:
        lifeline.write(order.line())
        yield worker
    finally:
        await worker.end()
        lifeline.close()
        forget_process(order.metrics_dir, process.pid)


async def _reserved(
    settings: Settings, setting: str, port: int, interface: str, held: ExitStack
) -> int:
    """The port, on which nobody listened, kept for those who share it."""
    with explained(setting):
        for one in await bound(settings.host, port, interface=interface):
            with one:
                port = one.getsockname()[1]
        for one in await bound(settings.host, port, interface=interface, shared=True):
            held.enter_context(one)
    return port
