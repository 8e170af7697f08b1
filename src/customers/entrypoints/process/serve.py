"""Serving from the first signal that is heeded to the last: by one process, or by several."""

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container, database
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.process.listeners import listening
from customers.entrypoints.process.migrate import migrated
from customers.entrypoints.process.ready_file import announced, withdraw
from customers.entrypoints.process.signals import Stop, until_stopped
from customers.entrypoints.process.workers import supervised


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight and returns."""
    withdraw(settings.ready_file)
    async with until_stopped() as stop:
        await _serve(settings, stop)
    logger().info("stopped")


async def _serve(settings: Settings, stop: Stop) -> None:
    async with database(settings) as dsn, migrated(settings, dsn):
        if settings.workers > 1:
            serving = supervised(settings, dsn)
        else:
            serving = listening(Container(settings=settings, dsn=dsn))
        async with serving as ports:
            with announced(settings, *ports):
                await stop.wait()
