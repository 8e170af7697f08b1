"""What commands set up first: logging, output, and how their coroutine is run."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from customers.entrypoints.config.settings import Settings

if TYPE_CHECKING:
    from customers.entrypoints.observability.output import Output


def configure(settings: Settings) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Configures logging; returns a function that runs a command's coroutine and may exit."""
    from customers.entrypoints.observability.logs import configure
    from customers.entrypoints.process.loop import run

    configure(settings.log_level, as_json=settings.environment == "production")
    return partial(run, output=output_of(settings))


def output_of(settings: Settings) -> "Output":
    from customers.entrypoints.observability.output import Output

    return Output(as_json=settings.environment == "production")
