"""The command `customers serve`: serves in this process, or in several workers."""

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.container.access import certificate_of, expect_token_keys
from customers.entrypoints.container.database import database
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.database_checkup import warn_of_database
from customers.entrypoints.process.listeners import open_listeners
from customers.entrypoints.process.migrate import migrate_at_start
from customers.entrypoints.process.ready_file import announce, prepare_ready_file
from customers.entrypoints.process.signals import StopSignal, stop_on_signals
from customers.entrypoints.process.workers import supervise_workers


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight and returns."""
    expect_token_keys(settings)
    prepare_ready_file(settings.ready_file)
    certificate_of(settings)  # so that bad files stop the start, rather than each worker
    async with stop_on_signals() as stop:
        await _serve_until(stop, settings)
    logger().info("stopped")


async def _serve_until(stop: StopSignal, settings: Settings) -> None:
    async with (
        database(settings) as dsn,
        migrate_at_start(settings, dsn),
        warn_of_database(settings, dsn),
    ):
        if settings.workers > 1:
            serving = supervise_workers(settings, dsn)
        else:
            serving = open_listeners(Container(settings=settings, dsn=dsn))
        async with serving as ports:
            with announce(settings, *ports):
                await stop.wait()
