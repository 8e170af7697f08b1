"""The command `customers doctor database`, and the warning of a service that suggests it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from customers.core.errors.availability import Unavailable
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.database import ServerCheck, check_server
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.persistent_database import persistent_database

RETRY_SECONDS = 30.0
WARNING = "the database is not set up for production: run `customers doctor database`"


async def check_database(settings: Settings, output: Output) -> None:
    """Prints each check; exits with 1 if a check fails that production requires."""
    async with persistent_database(settings) as dsn:
        checks = await check_server(dsn)
    for check in checks:
        output.info(
            _line(check),
            check=check.name,
            actual=check.actual,
            expected=check.expected,
            status=_status(check),
        )
    off = sum(check.is_off for check in checks)
    advice = sum(not check.is_fine for check in checks) - off
    event = f"{len(checks)} checks: {off} off, {advice} with advice"
    output.info(event, checks=len(checks), off=off, advice=advice)
    sys.exit(1 if off else 0)


@asynccontextmanager
async def warn_of_database(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """In production, logs one warning with the names of the required checks that fail, if any."""
    if settings.environment != "production" or not dsn:
        yield
        return
    warning = asyncio.create_task(_warn(dsn))
    try:
        yield
    finally:
        warning.cancel()
        with suppress(asyncio.CancelledError):
            await warning


async def _warn(dsn: str) -> None:
    while True:
        try:
            off = [check.name for check in await check_server(dsn) if check.is_off]
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if off:
            logger().warning(WARNING, off=off)
        return


def _status(check: ServerCheck) -> str:
    if check.is_fine:
        return "ok"
    return "off" if check.is_off else "advice"


def _line(check: ServerCheck) -> str:
    status = f"{_status(check):6}"
    if check.is_fine:
        return f"{status}  {check.name} is {check.actual}"
    sentence = f"{check.name} is {check.actual}, and should be {check.expected}"
    return f"{status}  {sentence}: {check.remedy}"
