"""One serving process: opens its storage and its ports, and shuts them down in order."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from customers.core.errors.availability import Unavailable
from customers.core.ports.storage import Storage
from customers.core.ports.tokens import TokenVerifier
from customers.entrypoints.access.key_uses import run_key_uses
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.maintain_command import background_maintenance
from customers.entrypoints.process.sockets import Ports, explain_port_errors, url_host
from customers.entrypoints.process.sweeper import run_sweeper

# Shutdown takes less than 15 seconds, whatever callers and the database do: 10 for request bodies
# that are still arriving, the rest for responses, stuck requests and closing connections.
LULL_SECONDS = 0.2
GRACE_SECONDS = 10.0
MAX_DRAIN_SECONDS = 11.5
MAX_CANCEL_SECONDS = 0.75
MAX_CLOSE_SECONDS = 1.0
CHECK_SECONDS = 3.0


@asynccontextmanager
async def open_listeners(container: Container) -> AsyncIterator[Ports]:
    """Serves on all ports while the block runs; then finishes what is in flight.

    Raises CannotListen, CannotServeTls, InvalidKeyFile, BadSeedFile, and Unavailable for a
    permanent fault of the storage.
    """
    http = HttpServer(
        container.app(),
        seconds_to_end=MAX_CANCEL_SECONDS,
        connections=container.connections(),
        certificate=container.certificate(),
    )
    rpc = container.rpc()
    probes = HttpServer(container.probe_app(), seconds_to_end=MAX_CANCEL_SECONDS)
    async with (
        _open_verifier(container.token_verifier()),
        _open_storage(container.storage()),
        run_key_uses(container.key_uses()),
        _sweeper(container) as stop_sweeper,
    ):
        try:
            if (test_api := container.test_api()) is not None:
                await test_api.load_seed_file()
            ports = await _start(http, rpc, probes, container.settings())
            # Everything allocated so far lives as long as the process. Without this, the garbage
            # collector scans it every second or so, which delays requests by a tenth of a second.
            gc.freeze()
            yield ports
        finally:
            stop_sweeper()
            await _shut_down(http, rpc, container.drain())
            await probes.end()


async def _start(http: HttpServer, rpc: RpcServer, probes: HttpServer, settings: Settings) -> Ports:
    host, reuse_port, metrics_port = settings.host, settings.workers > 1, None
    with explain_port_errors("PORT"):
        port = await http.start(host, settings.port, reuse_port=reuse_port)
    if settings.metrics_port is not None:
        with explain_port_errors("METRICS_PORT"):
            metrics_port = await probes.start(host, settings.metrics_port, reuse_port=reuse_port)
    with explain_port_errors("RPC_PORT"):
        address = f"{url_host(host)}:{settings.rpc_port}"
        return Ports(port, await rpc.start(address, reuse_port=reuse_port), metrics_port)


def _sweeper(container: Container) -> AbstractAsyncContextManager[Callable[[], None]]:
    settings = container.settings()
    maintenance = background_maintenance(settings, container.dsn())
    return run_sweeper(
        container.sweeper(), container.metrics(), settings.sweep_seconds, maintenance
    )


@asynccontextmanager
async def _open_verifier(verifier: TokenVerifier | None) -> AsyncIterator[None]:
    if verifier is None:
        yield
        return
    try:
        await verifier.open()
        yield
    finally:
        await verifier.close()


@asynccontextmanager
async def _open_storage(storage: Storage) -> AsyncIterator[None]:
    await storage.open()
    try:
        await _check(storage)
        yield
    finally:
        try:
            async with asyncio.timeout(MAX_CLOSE_SECONDS):
                await storage.close()
        except TimeoutError:
            logger().error("storage did not close in time")


async def _check(storage: Storage) -> None:
    """Raises Unavailable for a permanent fault, such as a database with another currency."""
    fault = None
    with suppress(TimeoutError, Unavailable):
        async with asyncio.timeout(CHECK_SECONDS):
            fault = (await storage.check()).fault
    if fault is not None and fault.is_permanent:
        raise Unavailable(fault=fault)


async def _shut_down(http: HttpServer, rpc: RpcServer, drain: Drain) -> None:
    """Becomes unready, stops accepting, finishes requests and closes, in that order."""
    drain.stop()
    rpc.report_not_serving()
    try:
        async with asyncio.timeout(MAX_DRAIN_SECONDS):
            await asyncio.sleep(LULL_SECONDS)  # accepts connections that are already under way
            http.close()
            await asyncio.sleep(LULL_SECONDS)  # lets their requests reach a handler
            grace = GRACE_SECONDS - 2 * LULL_SECONDS
            await asyncio.gather(drain.finish(grace), rpc.stop(grace))
    except TimeoutError:
        logger().error("shutdown timed out: requests in flight are cancelled")
    await http.end()
