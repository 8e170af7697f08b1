"""The commands `customers backup` and `customers restore`."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import database
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.persistent_database import persistent_database
from customers.entrypoints.process.signals import stop_on_signals

_INTERRUPTED = 130


async def back_up(settings: Settings, file: Path, output: Output, *, force: bool) -> None:
    """Writes the backup, then prints its size and how long it took."""
    async with _interruptible(output, "interrupted: no backup was written"):
        async with persistent_database(settings) as dsn:
            backup = await database.back_up(dsn, file, force=force)
        output.info(
            f"{backup.place}: backed up to {json.dumps(str(backup.file))}: {_size(backup.size)} in "
            f"{backup.seconds:.1f} s, schema revision {backup.revision}.",
            file=str(backup.file),
            size_bytes=backup.size,
            seconds=round(backup.seconds, 3),
            revision=backup.revision,
        )


async def restore(settings: Settings, file: Path, output: Output, *, force: bool) -> None:
    """Restores the backup, then prints what it brought back and what to do next."""
    async with _interruptible(output, "interrupted: the database is as it was"):
        async with persistent_database(settings) as dsn:
            restored = await database.restore(dsn, file, force=force)
        next_step = _next_step(is_older=restored.is_older, is_newer=restored.is_newer)
        noun = "customer" if restored.customers == 1 else "customers"
        output.info(
            f"{restored.place}: restored {restored.customers:,} {noun} from "
            f"{json.dumps(str(file))} in {restored.seconds:.1f} s, "
            f"schema revision {restored.revision}. {next_step}",
            file=str(file),
            customer_count=restored.customers,
            seconds=round(restored.seconds, 3),
            revision=restored.revision,
        )


@asynccontextmanager
async def _interruptible(output: Output, message: str) -> AsyncIterator[None]:
    """Stops the block on SIGTERM and SIGINT, prints the message and exits with 130."""
    async with stop_on_signals() as stop:
        yield
    if stop.is_requested:
        output.error(message)
        sys.exit(_INTERRUPTED)


def _next_step(*, is_older: bool, is_newer: bool) -> str:
    if is_older:
        return "The schema is older than this program: run `customers migrate` next."
    if is_newer:
        return "The schema is newer than this program: start the release that migrated it."
    return "Start the service next."


def _size(size: int) -> str:
    """The size in kB or MB, such as `12.3 MB`."""
    if size < 1_000_000:
        return f"{size / 1_000:.1f} kB"
    return f"{size / 1_000_000:,.1f} MB"
