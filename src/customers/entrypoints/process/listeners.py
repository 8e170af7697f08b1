"""One serving process from the inside: its storage, its two ports, and how they end."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from customers.core.errors import Unavailable
from customers.core.ports.storage import Storage
from customers.entrypoints.container import Container
from customers.entrypoints.grpc.server import RpcServer
from customers.entrypoints.http.drain import Drain
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.sockets import bracketed, explained
from customers.entrypoints.process.sweeper import swept

# An end takes less than 15 seconds, whatever callers and the database do: ten for bodies that are
# still arriving, what is left for the answers, for those that are stuck, and for connections.
LULL_SECONDS = 0.2
GRACE_SECONDS = 10.0
MOST_SECONDS_TO_FINISH = 11.5
SECONDS_TO_CUT = 0.75
SECONDS_TO_CLOSE = 1.0
CHECK_SECONDS = 3.0


@asynccontextmanager
async def listening(container: Container) -> AsyncIterator[tuple[int, int]]:
    """Both ports, which serve while the block runs; then what is in flight is finished.

    Raises CannotListen, and what the storage has against serving at all.
    """
    http = HttpServer(container.app(), seconds_to_end=SECONDS_TO_CUT)
    settings, rpc = container.settings(), container.rpc()
    is_shared = settings.workers > 1
    async with _opened(container.storage()), _swept(container) as end_sweeping:
        try:
            if (test_api := container.test_api()) is not None:
                await test_api.load_seed_file()
            with explained("PORT"):
                port = await http.start(settings.host, settings.port, reuse_port=is_shared)
            with explained("RPC_PORT"):
                address = f"{bracketed(settings.host)}:{settings.rpc_port}"
                rpc_port = await rpc.start(address, reuse_port=is_shared)
            # All that is there by now stays: whoever looks for garbage need not look at it again,
            # which would keep every caller waiting for a tenth of a second, every second or so.
            gc.freeze()
            yield port, rpc_port
        finally:
            end_sweeping()
            await _end(http, rpc, container.drain())


def _swept(container: Container) -> AbstractAsyncContextManager[Callable[[], None]]:
    return swept(container.sweeper(), container.metrics(), container.settings().sweep_seconds)


@asynccontextmanager
async def _opened(storage: Storage) -> AsyncIterator[None]:
    await storage.open()
    try:
        await _expect_fit(storage)
        yield
    finally:
        try:
            async with asyncio.timeout(SECONDS_TO_CLOSE):
                await storage.close()
        except TimeoutError:
            logger().error("the storage was not closed in time")


async def _expect_fit(storage: Storage) -> None:
    """Raises what no waiting mends, such as amounts kept in another currency."""
    with suppress(TimeoutError, Unavailable):
        async with asyncio.timeout(CHECK_SECONDS):
            await storage.check()


async def _end(http: HttpServer, rpc: RpcServer, drain: Drain) -> None:
    """Not ready, not accepting, finishing, closed: in that order, and not for ever."""
    drain.stop()
    rpc.report_not_serving()
    try:
        async with asyncio.timeout(MOST_SECONDS_TO_FINISH):
            await asyncio.sleep(LULL_SECONDS)  # who has connected by now is let in
            http.close()
            await asyncio.sleep(LULL_SECONDS)  # and what they sent comes to its handler
            grace = GRACE_SECONDS - 2 * LULL_SECONDS
            await asyncio.gather(drain.finish(grace), rpc.stop(grace))
    except TimeoutError:
        logger().error("some requests did not end in time and are given up")
    await http.end()
