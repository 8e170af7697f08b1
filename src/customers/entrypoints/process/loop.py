"""Running a coroutine as the whole of a process: on the fastest loop, its failure as a sentence."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click

from customers.entrypoints.config.setting_types import without_passwords
from customers.entrypoints.observability.exception_summary import ExceptionSummary
from customers.entrypoints.observability.logs import logger


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end; what stops it from working is one sentence and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        click.echo(f"Error: {without_passwords(_told(_first(error)))}", err=True)
        sys.exit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _first(error: Exception) -> Exception:
    """The error; of several tasks that failed together, the first one's."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(error: Exception) -> str:
    """Our sentences and the machine's; a driver's may hold rows."""
    if isinstance(error, OSError) or type(error).__module__.startswith("customers."):
        return str(error)
    logger().error("ended by a failure", exc_info=error)
    return ExceptionSummary.of(error).as_text()
