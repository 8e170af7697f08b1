"""Runs a coroutine as a whole process: on the fastest event loop, failures as one sentence."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click

from customers.entrypoints.config.setting_types import without_passwords
from customers.entrypoints.observability.exception_summary import ExceptionSummary
from customers.entrypoints.observability.logs import logger


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs the coroutine; an exception becomes one sentence on standard error and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        click.echo(f"Error: {without_passwords(_message(_first(error)))}", err=True)
        sys.exit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _first(error: Exception) -> Exception:
    """The error, or the first error of an ExceptionGroup."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _message(error: Exception) -> str:
    """The message of our errors and of OSError; other messages may hold rows of the database."""
    if isinstance(error, OSError) or type(error).__module__.startswith("customers."):
        return str(error)
    logger().error("process failed", exc_info=error)
    return ExceptionSummary.of(error).as_text()
