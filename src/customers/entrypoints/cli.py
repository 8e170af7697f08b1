"""The command line: `customers serve`, `migrate`, `ready`, `doctor` and `openapi`.

What a command needs is imported when it runs, so that help comes at once.
"""

import os
import sys

import click

from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customers-service", prog_name="customers")
def main() -> None:
    """The customers service: who the customers are, what they bought, and their segments."""


@main.command()
@takes_settings()
def serve(settings: Settings) -> None:
    """Serve REST and gRPC until SIGTERM.

    Without a database in the settings, development keeps its data in an embedded PostgreSQL.
    """
    from customers.entrypoints.process.signals import leave_when_asked

    leave_when_asked()
    # Every fork here starts a program at once. gRPC would look after it, and talk about that.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251 - set, not read
    _configure_logs(settings)
    from customers.entrypoints.process.loop import run
    from customers.entrypoints.process.serve import serve as serve_until_stopped

    run(serve_until_stopped(settings))


@main.command()
@takes_settings("database_url", "data_dir", "environment", "log_level")
def migrate(settings: Settings) -> None:
    """Bring the database to the newest revision; several at once migrate once."""
    from customers.entrypoints.container import database
    from customers.entrypoints.container import migrate as migrate_database
    from customers.entrypoints.process.loop import run

    async def migrated() -> None:
        async with database(settings) as dsn:
            await migrate_database(dsn)

    _configure_logs(settings)
    run(migrated())


@main.command()
@click.option("--url", help="Address of the service.  [default: http://HOST:PORT]")
@takes_settings("port", "host")
def ready(settings: Settings, url: str | None) -> None:
    """Exit with 0 if the service at the URL is ready, else with 1; for a container's check."""
    from customers.entrypoints.process.health_check import trouble_at
    from customers.entrypoints.process.sockets import bracketed, reachable

    here = f"http://{bracketed(reachable(settings.host))}:{settings.port}"
    if trouble := trouble_at(url or here):
        click.echo(trouble, err=True)
        sys.exit(1)
    click.echo("ready")


@main.group()
def doctor() -> None:
    """Check what is kept against what it is made of; nothing is mended."""


@doctor.command()
@click.option("--tenant", help="The tenant to check.  [default: every tenant that has segments]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def segments(settings: Settings, tenant: str | None) -> None:
    """Evaluate every segment for every customer, and print each difference from its members.

    Exits with 1 if there is a difference.
    """
    from customers.entrypoints.process.doctor import differences
    from customers.entrypoints.process.loop import run

    _configure_logs(settings)
    run(differences(settings, tenant))


@main.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML.  [default: as JSON]")
def openapi(as_yaml: bool) -> None:
    """Print the OpenAPI document of the REST interface."""
    from customers.entrypoints.container import Container
    from customers.entrypoints.openapi import document

    described = Container(settings=Settings(storage="memory"), dsn="").openapi()
    write = document.as_yaml if as_yaml else document.as_json
    click.echo(write(described), nl=False)


@main.command(hidden=True)
def worker() -> None:
    """Be one of the processes of `serve`, which tells it what to do on standard input."""
    from customers.entrypoints.process.signals import leave_when_asked

    leave_when_asked()
    from customers.entrypoints.process.loop import run
    from customers.entrypoints.process.worker import receive, work

    order, lifeline = receive()
    _configure_logs(order.settings)
    run(work(order, lifeline))


def _configure_logs(settings: Settings) -> None:
    from customers.entrypoints.observability.logs import configure

    configure(settings.log_level, as_json=settings.environment == "production")


if __name__ == "__main__":
    main()
