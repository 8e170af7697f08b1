"""The command line: `customers serve`, `migrate`, `ready`, `settings` and others.

Each command imports its modules when it runs, so that `--help` is fast.
"""

import os
import sys
from pathlib import Path

import click

from customers.entrypoints.cli.access import access
from customers.entrypoints.cli.doctor import doctor
from customers.entrypoints.cli.erasures import erasures
from customers.entrypoints.cli.keys import keys
from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.command_group import CommandGroup, NotForPeople
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customers-service", prog_name="customers")
def main() -> None:
    """Run and operate the customers service.

    It serves customers, their orders and their segments over REST and gRPC.
    """


@main.command()
@takes_settings()
def serve(settings: Settings) -> None:
    """Serve the REST and gRPC APIs until SIGTERM or SIGINT.

    Without a database URL, development stores its data in an embedded PostgreSQL.
    """
    from customers.entrypoints.process.signals import exit_on_signals

    exit_on_signals()
    # Every fork here execs a program at once; gRPC's fork handlers would only log noise.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251 - set, not read
    run = configure(settings)
    from customers.entrypoints.process.serve import serve as serve_until_stopped

    run(serve_until_stopped(settings))


@main.command()
@click.option(
    "--status", is_flag=True, help="Only print the revision of the database, and the pending ones."
)
@click.option("--sql", is_flag=True, help="Only print the SQL of the migration.")
@click.option("--to", metavar="REVISION", help="Migrate to this revision.  [default: the newest]")
@click.option(
    "--allow-data-loss",
    is_flag=True,
    help="Allow a REVISION older than the database's; this drops what later revisions added.",
)
@click.option(
    "--contract",
    is_flag=True,
    help="Also remove what the release before needs, once no process of it runs.",
)
@click.option(
    "--service-role",
    metavar="NAME",
    help="Also grant this existing role what the service needs, and revoke the rest.",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def migrate(
    settings: Settings,
    *,
    status: bool,
    sql: bool,
    to: str | None,
    allow_data_loss: bool,
    contract: bool,
    service_role: str | None,
) -> None:
    """Migrate the database to the newest revision.

    It is safe to run several at once: one migrates, the others wait for it. A database that a newer
    release has migrated stays as it is. Of one that is not empty, what the release before needs is
    only removed with --contract; after that the release before cannot serve on it any more.
    """
    from customers.entrypoints.process import migrate_command

    if status and sql:
        raise click.UsageError("--status and --sql exclude each other: use one of them.")
    if service_role and (status or sql or to):
        raise click.UsageError("--service-role excludes --status, --sql and --to: run it alone.")
    if contract and (status or to):
        raise click.UsageError("--contract excludes --status and --to: use one of them.")
    run, output = configure(settings), output_of(settings)
    if status:
        work = migrate_command.print_status(settings, output)
    elif sql:
        work = migrate_command.print_sql(settings, to=to, contract=contract)
    else:
        work = migrate_command.migrate(
            settings,
            output,
            to=to,
            allow_data_loss=allow_data_loss,
            contract=contract,
            service_role=service_role,
        )
    run(work)


@main.command()
@click.option("--url", help="Check the service at this URL.  [default: the URL of HOST and PORT]")
@takes_settings("port", "host", "environment", "tls_cert", validates_others=False)
def ready(settings: Settings, url: str | None) -> None:
    """Check whether a running service is ready.

    The command exits with 0 if the service is ready, else with 1, as the health check of a
    container needs it.
    """
    from customers.entrypoints.process.health_check import readiness_problem
    from customers.entrypoints.process.sockets import reachable_host, url_host

    default_url = f"{settings.scheme}://{url_host(reachable_host(settings.host))}:{settings.port}"
    output = output_of(settings)
    if problem := readiness_problem(url or default_url, is_own=url is None):
        output.error(problem, prefix="")
        sys.exit(1)
    output.info("ready")


@main.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="Print YAML instead of JSON.")
def openapi(as_yaml: bool) -> None:
    """Print the OpenAPI document of the REST API."""
    from customers.entrypoints.container import Container
    from customers.entrypoints.openapi import document

    openapi_document = Container(settings=Settings(storage="memory"), dsn="").openapi()
    write = document.as_yaml if as_yaml else document.as_json
    click.echo(write(openapi_document), nl=False)


@main.command("settings")
@takes_settings()
def show_settings(settings: Settings) -> None:
    """Print each setting, its value, and where the value comes from.

    Passwords and keys are shown as ***. In production each setting is a JSON object.
    """
    from customers.entrypoints.process.show_settings import show_settings as print_settings

    print_settings(settings, click.get_current_context().params, output_of(settings))


@main.command()
@click.argument("args", nargs=-1, metavar="[-- ARGS]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def psql(settings: Settings, args: tuple[str, ...]) -> None:
    """Open psql, PostgreSQL's shell, on the database.

    Everything after -- is passed to psql as its ARGS, as in: customers psql -- -c "SELECT now()".
    The command exits with the exit code of psql.
    """
    from customers.entrypoints.process.psql import open_psql

    run = configure(settings)
    run(open_psql(settings, args))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def backup(settings: Settings, file: Path, force: bool) -> None:
    """Back the whole database up into FILE.

    The service may keep running. FILE is in the custom format of pg_dump, appears when the backup
    is complete, and can only be read by its owner.
    """
    from customers.entrypoints.process.backup import back_up

    run = configure(settings)
    run(back_up(settings, file, output_of(settings), force=force))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace all customers in the database.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Restore the customers from FILE, which `customers backup` wrote.

    Stop the service first. The restore is one transaction: if it fails, the database is as it was.
    A database that already has customers is refused without --force.
    """
    from customers.entrypoints.process.backup import restore as restore_backup

    run = configure(settings)
    run(restore_backup(settings, file, output_of(settings), force=force))


@main.command()
@click.option(
    "--full",
    is_flag=True,
    help="Rewrite every table that has personal values; a large table is locked for minutes.",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def maintain(settings: Settings, *, full: bool) -> None:
    """Remove what erasures have left in indexes, statistics and freed space.

    The service may keep running. Without --full, the command does nothing if nobody was erased
    since its last run, and the freed space of large tables stays until new rows overwrite it.
    """
    from customers.entrypoints.process.maintain_command import maintain as maintain_database

    run = configure(settings)
    run(maintain_database(settings, output_of(settings), is_full=full))


@main.command(hidden=True)
def worker() -> None:
    """Run one of the worker processes of `serve`, which sends its command on standard input."""
    from customers.entrypoints.process.signals import exit_on_signals

    exit_on_signals()
    from customers.entrypoints.process.worker import NotStartedByServe, receive_command, work

    try:
        command, lifeline = receive_command()
    except NotStartedByServe:
        raise NotForPeople("`customers serve` starts the workers: run it instead") from None
    run = configure(command.settings)
    run(work(command, lifeline))


for group in (doctor, erasures, keys, access):
    main.add_command(group)
