"""Runs a command's coroutine on the fastest event loop, and prints a failure in plain words."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from customers.core.errors.availability import Unavailable
from customers.entrypoints.config.setting_types import without_passwords
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.output import Output

# How long a connection takes to close after TLS failed; if the loop ends sooner, it logs an error.
CLOSING_SECONDS = 0.05


def run(main: Coroutine[Any, Any, None], output: Output) -> None:
    """Runs the coroutine; prints an exception on standard error and exits with 1."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_finish(main))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        first = _first(error)
        output.error(without_passwords(_message(first)), **_values(first))
        sys.exit(1)


async def _finish(main: Coroutine[Any, Any, None]) -> None:
    """Runs the coroutine; after a failure, waits until its connections have closed."""
    try:
        await main
    except Exception:
        await asyncio.sleep(CLOSING_SECONDS)
        raise


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
    """The message of our errors and of OSError; of other errors only the type, since their messages
    may contain database rows.
    """
    if isinstance(error, Unavailable) and error.fault is not None:
        return str(error.fault)
    if isinstance(error, OSError) or type(error).__module__.startswith("customers."):
        return "\n".join([str(error), *getattr(error, "details", ())])
    logger().error("process failed", exc_info=error)
    return f"unexpected {type(error).__name__}: this is a defect, its stack is in the log"


def _values(error: Exception) -> dict[str, str]:
    """The values of the error's fault, for JSON output."""
    if not isinstance(error, Unavailable) or error.fault is None:
        return {}
    fault = error.fault
    return {"fault": fault.kind, "sqlstate": fault.sqlstate, "remedy": fault.remedy}
