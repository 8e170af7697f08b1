"""The command line: `customers serve`, `migrate`, `ready`, `settings` and others.

Each command imports its modules when it runs, so that `--help` is fast.
"""

import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from customers.entrypoints.config.command_group import CommandGroup, NotForPeople
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings

if TYPE_CHECKING:
    from customers.entrypoints.observability.output import Output


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
    run = _configure(settings)
    from customers.entrypoints.process.serve import serve as serve_until_stopped

    run(serve_until_stopped(settings))


@main.command()
@click.option("--status", is_flag=True, help="Only print the revision of the database.")
@click.option("--sql", is_flag=True, help="Only print the SQL of the migration.")
@click.option("--to", metavar="REVISION", help="Migrate to this revision.  [default: the newest]")
@click.option(
    "--allow-data-loss",
    is_flag=True,
    help="Allow a REVISION older than the database's, which drops what later ones added.",
)
@click.option(
    "--service-role",
    metavar="NAME",
    help="Grant this existing role what the service needs, and nothing more.",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def migrate(
    settings: Settings,
    *,
    status: bool,
    sql: bool,
    to: str | None,
    allow_data_loss: bool,
    service_role: str | None,
) -> None:
    """Migrate the database to the newest revision.

    It is safe to run several at once: one migrates, the others wait for it. A database that a newer
    release has migrated stays as it is.
    """
    from customers.entrypoints.process import migrate_command

    if status and sql:
        raise click.UsageError("--status and --sql exclude each other: use one of them.")
    run, output = _configure(settings), _output(settings)
    if status:
        work = migrate_command.print_status(settings, output)
    elif sql:
        work = migrate_command.print_sql(settings, to=to)
    else:
        work = migrate_command.migrate(
            settings, output, to=to, allow_data_loss=allow_data_loss, service_role=service_role
        )
    run(work)


@main.command()
@click.option("--url", help="Check the service at this URL.  [default: http://HOST:PORT]")
@takes_settings("port", "host", "environment", "tls_cert", validates_others=False)
def ready(settings: Settings, url: str | None) -> None:
    """Check whether a running service is ready.

    It is made for the health check of a container: it exits with 0 if the service is ready, else
    with 1.
    """
    from customers.entrypoints.process.health_check import readiness_problem
    from customers.entrypoints.process.sockets import reachable_host, url_host

    default_url = f"{settings.scheme}://{url_host(reachable_host(settings.host))}:{settings.port}"
    output = _output(settings)
    if problem := readiness_problem(url or default_url, is_own=url is None):
        output.error(problem, prefix="")
        sys.exit(1)
    output.info("ready")


@main.group()
def doctor() -> None:
    """Check the stored data and the database server without changing anything."""


@doctor.command()
@click.option("--tenant", help="Check only this tenant.  [default: every tenant that has segments]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def segments(settings: Settings, tenant: str | None) -> None:
    """Evaluate every segment for every customer and print each difference from its members.

    It exits with 1 if there is a difference.
    """
    from customers.entrypoints.process.doctor import check_segments

    run = _configure(settings)
    run(check_segments(settings, tenant, _output(settings)))


@doctor.command("database")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def database_server(settings: Settings) -> None:
    """Print what the database server is set to and what it should be set to.

    It looks at what the server logs, TLS, the role of the service, the size of the WAL and
    autovacuum. It exits with 1 if something that production requires is not so; advice for speed
    does not count.
    """
    from customers.entrypoints.process.database_checkup import check_database

    run = _configure(settings)
    run(check_database(settings, _output(settings)))


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

    Passwords are shown as ***. In production each setting is a JSON object.
    """
    from customers.entrypoints.process.show_settings import show_settings as print_settings

    print_settings(settings, click.get_current_context().params, _output(settings))


@main.command()
@click.argument("args", nargs=-1, metavar="[-- ARGS]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def psql(settings: Settings, args: tuple[str, ...]) -> None:
    """Open psql, PostgreSQL's shell, on the database.

    Everything after -- is passed to psql as its ARGS, as in: customers psql -- -c "SELECT now()".
    The command exits with the exit code of psql.
    """
    from customers.entrypoints.process.psql import open_psql

    run = _configure(settings)
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

    run = _configure(settings)
    run(back_up(settings, file, _output(settings), force=force))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace all customers that the database has.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Restore the customers from FILE, which `customers backup` wrote.

    Stop the service first. The restore is one transaction: if it fails, the database is as it was.
    A database that already has customers is refused without --force.
    """
    from customers.entrypoints.process.backup import restore as restore_backup

    run = _configure(settings)
    run(restore_backup(settings, file, _output(settings), force=force))


@main.command()
@click.option(
    "--full",
    is_flag=True,
    help="Write every table with personal values anew, which locks it for minutes if it is large.",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def maintain(settings: Settings, *, full: bool) -> None:
    """Remove what erasures have left in indexes, statistics and freed space.

    The service may keep running. It does nothing if nobody was erased since the last run. Without
    --full, the freed space of large tables is left to new rows.
    """
    from customers.entrypoints.process.maintain_command import maintain as maintain_database

    run = _configure(settings)
    run(maintain_database(settings, _output(settings), is_full=full))


@main.group()
def erasures() -> None:
    """Keep the receipts of erasures outside, and erase again after a restore."""


@erasures.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def export_erasures(settings: Settings, file: Path, *, force: bool) -> None:
    """Write who was erased into FILE: tenant, customer id and moment, a JSON object per line.

    FILE names nobody. Keep it beside the backups, for `customers erasures apply`.
    """
    from customers.entrypoints.process.erasures_command import export

    run = _configure(settings)
    run(export(settings, file, _output(settings), force=force))


@erasures.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@takes_settings("database_url", "data_dir", "environment", "log_level")
def apply_erasures(settings: Settings, file: Path) -> None:
    """Erase again who is in FILE, after a backup from before the erasures was restored.

    Customers who are erased already, or unknown, are skipped and counted. It may be interrupted and
    repeated.
    """
    from customers.entrypoints.process.erasures_command import apply

    run = _configure(settings)
    run(apply(settings, file, _output(settings)))


@main.group()
def keys() -> None:
    """Create, list and revoke the API keys of services without an identity provider."""


@keys.command("create")
@click.option("--tenant", required=True, help="The tenant that callers with the key act for.")
@click.option(
    "--permissions",
    required=True,
    metavar="PERMISSION,...",
    help="What they may do, such as customers:view,orders:record.",
)
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--expires",
    default="",
    metavar="WHEN",
    help="When the key ends: after 90d, 12h or 30m, or at a date and time.  [default: never]",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def create_key(
    settings: Settings, *, tenant: str, permissions: str, name: str, expires: str
) -> None:
    """Create a key and print it, once: only a digest of it is stored."""
    from customers.entrypoints.process.keys_command import create

    run = _configure(settings)
    details = {"permissions": permissions, "name": name, "expires": expires}
    run(create(settings, _output(settings), tenant=tenant, **details))


@keys.command("list")
@click.option("--tenant", required=True, help="The tenant whose keys are listed.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def list_keys(settings: Settings, *, tenant: str) -> None:
    """List the keys of a tenant, newest first, without the revoked ones."""
    from customers.entrypoints.process.keys_command import list_all

    run = _configure(settings)
    run(list_all(settings, _output(settings), tenant=tenant))


@keys.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def revoke_key(settings: Settings, key_id: UUID) -> None:
    """Revoke the key with the id ID, of whichever tenant: it stops within five seconds."""
    from customers.entrypoints.process.keys_command import revoke

    run = _configure(settings)
    run(revoke(settings, _output(settings), key_id))


@main.group()
def access() -> None:
    """Explain who callers are and what they may do."""


@access.command("explain")
@click.option(
    "--token",
    "token_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Explain the bearer token in FILE; - is standard input.",
)
@click.option(
    "--key", "key_id", metavar="ID", type=click.UUID, help="Explain the key with this id."
)
@takes_settings(
    "database_url",
    "data_dir",
    "environment",
    "log_level",
    "auth",
    "roles_file",
    "jwt_issuer",
    "jwt_jwks_url",
    "jwt_jwks_file",
    "jwt_audience",
    "jwt_tenant_claim",
    "jwt_permissions_claim",
    "jwt_roles_claim",
    validates_others=False,
)
def explain_access(settings: Settings, token_file: Path | None, key_id: UUID | None) -> None:
    """Print what a caller would be and may do: kind, subject, tenants and permissions.

    It exits with 1 if the caller would be refused, and says why.
    """
    from customers.entrypoints.process.explain_access import explain_token
    from customers.entrypoints.process.explain_key import explain_key

    if (token_file is None) == (key_id is None):
        raise click.UsageError("Give the caller to explain: --token FILE, or --key ID.")
    run, output = _configure(settings), _output(settings)
    if token_file is not None:
        run(explain_token(settings, token_file, output))
    elif key_id is not None:
        run(explain_key(settings, key_id, output))


@main.command(hidden=True)
def worker() -> None:
    """Run one of the worker processes of `serve`, which sends its command on standard input."""
    from customers.entrypoints.process.signals import exit_on_signals

    exit_on_signals()
    from customers.entrypoints.process.worker import NotStartedByServe, receive_command, work

    try:
        command, lifeline = receive_command()
    except NotStartedByServe:
        raise NotForPeople("worker is started by serve") from None
    run = _configure(command.settings)
    run(work(command, lifeline))


def _configure(settings: Settings) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Configures the log; returns what runs the work of a command as a whole process."""
    from customers.entrypoints.observability.logs import configure
    from customers.entrypoints.process.loop import run

    configure(settings.log_level, as_json=settings.environment == "production")
    return partial(run, output=_output(settings))


def _output(settings: Settings) -> "Output":
    from customers.entrypoints.observability.output import Output

    return Output(as_json=settings.environment == "production")


if __name__ == "__main__":
    main()
