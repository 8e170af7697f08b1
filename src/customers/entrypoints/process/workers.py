"""Supervises worker processes that share the ports: starts, replaces and stops them.

Each worker is a fresh interpreter (see `worker.py`) that gets its command through a socket. The
supervisor itself serves nothing.
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
from customers.entrypoints.process.sockets import Ports, bind_sockets, explain_port_errors
from customers.entrypoints.process.worker import SERVING, WorkerCommand

COMMAND = (sys.executable, "-P", "-m", "customers.entrypoints.cli", "worker")
# A worker that takes longer to stop is killed. The embedded database stops after the workers.
MAX_STOP_SECONDS = 14.0
MIN_RESTART_PAUSE = 0.5
MAX_RESTART_PAUSE = 30.0
# A worker that ran for longer than this was healthy: it is replaced after the shortest pause.
HEALTHY_SECONDS = 60.0


class WorkerFailed(Exception):
    """A worker exited before it served; it has logged the reason."""


@asynccontextmanager
async def supervise_workers(settings: Settings, dsn: str) -> AsyncIterator[Ports]:
    """Serves with `settings.workers` processes while the block runs.

    Raises CannotListen, and WorkerFailed in an ExceptionGroup.
    """
    with ExitStack() as resources:
        port = await _reserve_port(settings, "PORT", settings.port, "HTTP", resources)
        rpc_port = await _reserve_port(settings, "RPC_PORT", settings.rpc_port, "gRPC", resources)
        metrics_port = settings.metrics_port
        if metrics_port is not None:
            metrics_port = await _reserve_port(
                settings, "METRICS_PORT", metrics_port, "metrics", resources
            )
        ports = Ports(port, rpc_port, metrics_port)
        metrics_dir = resources.enter_context(TemporaryDirectory(prefix="customers-metrics-"))
        url = DatabaseUrl.parse(dsn)
        of_worker = evolve(
            settings,
            port=port,
            rpc_port=rpc_port,
            metrics_port=metrics_port,
            database_url=url,
            ready_file=None,
        )
        command = WorkerCommand(settings=of_worker, metrics_dir=Path(metrics_dir))
        async with asyncio.TaskGroup() as group:
            slots = [WorkerSlot(command) for _ in range(settings.workers)]
            tasks = [group.create_task(slot.run()) for slot in slots]
            for slot in slots:
                await slot.has_served.wait()
            yield ports
            for task in tasks:
                task.cancel()


@define(eq=False)
class WorkerSlot:
    """The place of one worker; once a worker has served in it, each one that exits is replaced."""

    _command: WorkerCommand
    has_served: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Runs until it is cancelled, then stops the worker. Raises WorkerFailed."""
        loop, pause = asyncio.get_running_loop(), MIN_RESTART_PAUSE
        while True:
            started_at = loop.time()
            async with _start_worker(self._command) as worker:
                if await worker.wait_until_serving():
                    self.has_served.set()
                status = await worker.process.wait()
            if not self.has_served.is_set():
                raise WorkerFailed(f"a worker exited with status {status} before it served")
            if loop.time() - started_at > HEALTHY_SECONDS:
                pause = MIN_RESTART_PAUSE
            logger().error("worker exited", pid=worker.process.pid, status=status, pause=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_RESTART_PAUSE)


@frozen(kw_only=True)
class Worker:
    process: asyncio.subprocess.Process
    _messages: asyncio.StreamReader

    async def wait_until_serving(self) -> bool:
        """Returns True once the worker serves, or False if it exits before that."""
        return await self._messages.readline() == SERVING

    async def stop(self) -> None:
        """Terminates the worker, and kills it if it does not exit in time."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(MAX_STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            logger().error("worker did not stop in time: killing it", pid=self.process.pid)
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def _start_worker(command: WorkerCommand) -> AsyncIterator[Worker]:
    """A worker that runs in the block and is stopped after it."""
    ours, theirs = socket.socketpair()
    with theirs:
        env = os.environ | shared_environment(command.metrics_dir)  # noqa: TID251 - passed on
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=theirs.fileno(), env=env)
    messages, lifeline = await asyncio.open_unix_connection(sock=ours)
    worker = Worker(process=process, messages=messages)
    try:
        lifeline.write(command.as_line())
        yield worker
    finally:
        await worker.stop()
        lifeline.close()
        forget_process(command.metrics_dir, process.pid)


async def _reserve_port(
    settings: Settings, setting: str, port: int, interface: str, resources: ExitStack
) -> int:
    """Reserves the port for processes that share it, after a check that no other program has it."""
    with explain_port_errors(setting):
        for exclusive in await bind_sockets(settings.host, port, interface=interface):
            with exclusive:
                port = exclusive.getsockname()[1]
        for shared in await bind_sockets(settings.host, port, interface=interface, reuse_port=True):
            resources.enter_context(shared)
    return port
