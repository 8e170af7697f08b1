"""The commands `customers doctor …`."""

import click

from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group()
def doctor() -> None:
    """Check the stored data and the database server without changing anything."""


@doctor.command()
@click.option("--tenant", help="Check only this tenant.  [default: every tenant that has segments]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def segments(settings: Settings, tenant: str | None) -> None:
    """Evaluate the segments for every customer, and print where their reported members differ.

    It exits with 1 if there is a difference. If the build of a segment failed, it prints why and
    does not evaluate the segment.
    """
    from customers.entrypoints.process.doctor import check_segments

    run = configure(settings)
    run(check_segments(settings, tenant, output_of(settings)))


@doctor.command("database")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def database_server(settings: Settings) -> None:
    """Print what the database server is set to and what it should be set to.

    It checks what the server logs, TLS, the role of the service, the size of the WAL and
    autovacuum. It exits with 1 if a check fails that production requires; advice on
    performance does not count.
    """
    from customers.entrypoints.process.database_checkup import check_database

    run = configure(settings)
    run(check_database(settings, output_of(settings)))
