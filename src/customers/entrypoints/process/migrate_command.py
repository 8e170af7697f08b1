"""The command `customers migrate`: migrates a database, or prints its status or the SQL."""

import click

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.database import (
    grant_to_service_role,
    migrations,
    rewrite_search_texts,
)
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.persistent_database import persistent_database


async def migrate(
    settings: Settings,
    output: Output,
    *,
    to: str | None,
    allow_data_loss: bool,
    contract: bool,
    service_role: str | None,
) -> None:
    """Migrates to a revision, the newest by default, rewrites old search texts, grants a service
    role what the service needs if one is named, and prints what was done.
    """
    async with persistent_database(settings) as dsn:
        migration = await migrations().migrate(
            dsn, to=to, allow_data_loss=allow_data_loss, contracts=contract
        )
        rewriting = await rewrite_search_texts(dsn)
        granted = service_role and await grant_to_service_role(dsn, service_role)
    if migration.is_from_newer_release:
        done = (
            f"the schema is at revision {migration.after}, of a newer release; it was left as it "
            "is: a program serves on the schema of the next release"
        )
    elif migration.before == migration.after:
        done = f"the schema is at revision {migration.after}, nothing to do"
    else:
        done = f"migrated from {migration.before or 'an empty database'} to {migration.after}"
    output.info(f"{migration.place}: {done}", before=migration.before, after=migration.after)
    if rewriting.number:
        output.info(
            f"{migration.place}: the search texts of {rewriting.number:,} customers were written "
            f"again in {rewriting.seconds:.1f} s",
            rewritten=rewriting.number,
        )
    if granted:
        output.info(
            f'{migration.place}: the role "{granted.name}" may do what the service needs, and '
            "policies show it one tenant's rows at a time",
            service_role=granted.name,
        )


async def print_status(settings: Settings, output: Output) -> None:
    """Prints the revision of the database, and the revisions that it lacks."""
    async with persistent_database(settings) as dsn:
        report = await migrations().report(dsn)
    current = "no revision, the database is empty" if report.current is None else report.current
    newer = ", which is of a newer release" if report.is_newer else ""
    output.info(
        f"{report.place}: the schema is at {current}{newer}; "
        f"this program needs {report.needed} and knows {report.newest}",
        current=report.current,
        needed=report.needed,
        newest=report.newest,
        pending=[revision.number for revision in report.pending],
    )
    for revision in report.pending:
        waits = " (with --contract)" if revision.is_contract else ""
        output.info(f"pending: {revision.number} {revision.title}{waits}", revision=revision.number)


async def print_sql(settings: Settings, *, to: str | None, contract: bool) -> None:
    """Prints the SQL of a migration."""
    async with persistent_database(settings) as dsn:
        click.echo(await migrations().sql(dsn, to=to, contracts=contract), nl=False)
