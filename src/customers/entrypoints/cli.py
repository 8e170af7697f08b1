"""The command line: `customers serve`, `migrate` and `ready`."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

import click

from customers.entrypoints.options import takes_settings
from customers.entrypoints.readers import without_passwords
from customers.entrypoints.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("customers-service"), prog_name="customers")
def main() -> None:
    """The customers service: who the customers are, what they bought, and their segments."""


@main.command()
@takes_settings()
def serve(settings: Settings) -> None:
    """Serve REST and gRPC until SIGTERM.

    Without a database in the settings, development keeps its data in an embedded PostgreSQL.
    """
    from customers.entrypoints.serve import serve as serve_until_stopped

    _configure_logs(settings)
    _run(serve_until_stopped(settings))


@main.command()
@takes_settings("database_url", "data_dir", "environment", "log_level")
def migrate(settings: Settings) -> None:
    """Bring the database to the newest revision; several at once migrate once."""
    from customers.entrypoints.container import database
    from customers.entrypoints.container import migrate as migrate_database

    async def migrated() -> None:
        async with database(settings) as dsn:
            await migrate_database(dsn)

    _configure_logs(settings)
    _run(migrated())


@main.command()
@click.option("--url", help="Address of the service.  [default: http://127.0.0.1:PORT]")
@takes_settings("port")
def ready(settings: Settings, url: str | None) -> None:
    """Exit with 0 if the service at the URL is ready, else with 1; for a container's check."""
    from customers.entrypoints.readiness import trouble_at

    if trouble := trouble_at(url or f"http://127.0.0.1:{settings.port}"):
        click.echo(trouble, err=True)
        sys.exit(1)
    click.echo("ready")


def _configure_logs(settings: Settings) -> None:
    from customers.entrypoints.logs import configure

    configure(settings.log_level, as_json=settings.environment == "production")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end; what stops it from working is one sentence and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _explain(error)
        sys.exit(1)


def _explain(error: Exception) -> None:
    from customers.entrypoints.failures import Failure
    from customers.entrypoints.logs import logger

    logger().exception("ended by a failure")
    told = str(error) if _is_for_people(error) else Failure.of(error).as_text()
    click.echo(f"Error: {without_passwords(told)}", err=True)


def _is_for_people(error: Exception) -> bool:
    """Whether its text is ours or the machine's: a driver's may hold rows."""
    return isinstance(error, OSError) or type(error).__module__.startswith("customers.")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
