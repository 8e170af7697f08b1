"""One serving process: started, announced, drained and ended."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web

from customers.core.errors import Unavailable
from customers.entrypoints.container import Container, database, migrate
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.logs import logger
from customers.entrypoints.rpc.server import RpcServer
from customers.entrypoints.settings import Settings

LULL_SECONDS = 0.1
GRACE_SECONDS = 10.0
MOST_SECONDS_TO_END = 13.0
RETRY_SECONDS = 1.0


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight and returns."""
    stopped = _stopped_by_signal()
    _withdraw(settings.ready_file)
    async with (
        database(settings) as dsn,
        _made(settings, dsn) as container,
        _migrated(settings, dsn),
        _listening(settings, container) as (http_port, rpc_port),
    ):
        _announce(settings, http_port, rpc_port)
        await stopped.wait()
        logger().info("stopping")
        _withdraw(settings.ready_file)
    logger().info("stopped")


@asynccontextmanager
async def _made(settings: Settings, dsn: str) -> AsyncIterator[Container]:
    container = Container(settings=settings, dsn=dsn)
    await container.storage().open()
    try:
        yield container
    finally:
        await container.storage().close()


@asynccontextmanager
async def _migrated(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """In development the database is brought to the newest revision, once it can be reached.

    Our own embedded database is awaited; an outside one may come later, until then we are not
    ready.
    """
    if not dsn or settings.environment == "production":
        yield
    elif settings.database_url is None:
        await migrate(dsn)
        yield
    else:
        migrating = asyncio.create_task(_migrate_when_there(dsn))
        await asyncio.wait([migrating], timeout=RETRY_SECONDS)
        try:
            yield
        finally:
            migrating.cancel()
            with suppress(asyncio.CancelledError):
                await migrating


async def _migrate_when_there(dsn: str) -> None:
    while True:
        try:
            return await migrate(dsn)
        except Unavailable as error:
            logger().warning("the database cannot be migrated yet", why=str(error))
        except Exception:
            logger().exception("the database was not migrated: the service will not be ready")
            return None
        await asyncio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def _listening(settings: Settings, container: Container) -> AsyncIterator[tuple[int, int]]:
    """Both ports, for as long as the block runs; afterwards what is in flight is finished."""
    runner = web.AppRunner(
        container.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    rpc: RpcServer = container.rpc()
    shares_ports = settings.workers > 1
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, reuse_port=shares_ports or None)
        await site.start()
        rpc_address = f"{_bracketed(settings.host)}:{settings.rpc_port}"
        rpc_port = await rpc.start(rpc_address, reuse_port=shares_ports)
        yield runner.addresses[0][1], rpc_port
    finally:
        await _end(runner, rpc, container.drain())


async def _end(runner: web.AppRunner, rpc: RpcServer, drain: Drain) -> None:
    """Not ready, not accepting, finishing, closed: in that order, and not for ever."""
    drain.stop()
    rpc.stopping()
    try:
        async with asyncio.timeout(MOST_SECONDS_TO_END):
            for site in list(runner.sites):
                await site.stop()
            # What was sent before the listeners closed has yet to reach its handler.
            await asyncio.sleep(LULL_SECONDS)
            await asyncio.gather(drain.finish(GRACE_SECONDS), rpc.stop(GRACE_SECONDS))
    except TimeoutError:
        logger().error("some requests did not end in time and are given up")
    await runner.cleanup()


def _stopped_by_signal() -> asyncio.Event:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _announce(settings: Settings, http_port: int, rpc_port: int) -> None:
    """Says where it serves: in the log, and whole in the ready file."""
    host = _bracketed(_reachable(settings.host))
    served = {
        "http": f"http://{host}:{http_port}",
        "grpc": f"{host}:{rpc_port}",
        "pid": os.getpid(),
        "storage": settings.storage,
    }
    logger().info("serving", **served, environment=settings.environment)
    if settings.ready_file is not None:
        draft = settings.ready_file.with_name(f".{settings.ready_file.name}.{os.getpid()}")
        draft.write_text(json.dumps(served) + "\n")
        draft.replace(settings.ready_file)


def _withdraw(ready_file: Path | None) -> None:
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _reachable(host: str) -> str:
    """An address of this machine where the host is every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    loopback = {4: "127.0.0.1", 6: "::1"}
    return loopback[address.version] if address.is_unspecified else host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
