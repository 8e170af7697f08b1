"""The commands `customers erasures …`."""

from pathlib import Path

import click

from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group()
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

    run = configure(settings)
    run(export(settings, file, output_of(settings), force=force))


@erasures.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@takes_settings("database_url", "data_dir", "environment", "log_level")
def apply_erasures(settings: Settings, file: Path) -> None:
    """Erase again who is in FILE, after a backup from before the erasures was restored.

    Customers who are erased already, or unknown, are skipped and counted. It may be interrupted and
    repeated.
    """
    from customers.entrypoints.process.erasures_command import apply

    run = configure(settings)
    run(apply(settings, file, output_of(settings)))
