"""The commands `customers erasures …`."""

from pathlib import Path

import click

from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group()
def erasures() -> None:
    """Export the receipts of erasures, and repeat the erasures after a restore."""


@erasures.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def export_erasures(settings: Settings, file: Path, *, force: bool) -> None:
    """Write the tenant, customer id and time of every erasure to FILE, one JSON object per line.

    FILE contains no personal data. Keep it with the backups, for `customers erasures apply`.
    """
    from customers.entrypoints.process.erasures_command import export

    run = configure(settings)
    run(export(settings, file, output_of(settings), force=force))


@erasures.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@takes_settings("database_url", "data_dir", "environment", "log_level")
def apply_erasures(settings: Settings, file: Path) -> None:
    """Erase the customers in FILE again, after restoring a backup from before their erasure.

    Customers who are already erased, or unknown, are skipped and counted. The command may be
    interrupted and repeated.
    """
    from customers.entrypoints.process.erasures_command import apply

    run = configure(settings)
    run(apply(settings, file, output_of(settings)))
