"""The commands `customers keys …`."""

from uuid import UUID

import click

from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group()
def keys() -> None:
    """Create, list and revoke the API keys of services without an identity provider."""


@keys.command("create")
@click.option("--tenant", required=True, help="The tenant that callers with the key act for.")
@click.option(
    "--permissions",
    required=True,
    metavar="PERMISSION,...",
    help="What callers with the key may do, such as customers:view,orders:record.",
)
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--expires",
    default="",
    metavar="WHEN",
    help="When the key expires: after 90d, 12h or 30m, or at a date and time.  [default: never]",
)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def create_key(
    settings: Settings, *, tenant: str, permissions: str, name: str, expires: str
) -> None:
    """Create a key and print it. It cannot be shown again: only its digest is stored."""
    from customers.entrypoints.process.keys_command import create

    run = configure(settings)
    details = {"permissions": permissions, "name": name, "expires": expires}
    run(create(settings, output_of(settings), tenant=tenant, **details))


@keys.command("list")
@click.option("--tenant", help="The tenant whose keys are listed.  [default: all tenants]")
@takes_settings("database_url", "data_dir", "environment", "log_level")
def list_keys(settings: Settings, *, tenant: str | None) -> None:
    """List the keys of a tenant or of all, newest first, without the revoked ones."""
    from customers.entrypoints.process.keys_command import list_all

    run = configure(settings)
    run(list_all(settings, output_of(settings), tenant=tenant))


@keys.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@takes_settings("database_url", "data_dir", "environment", "log_level")
def revoke_key(settings: Settings, key_id: UUID) -> None:
    """Revoke the key with the id ID, of any tenant. It stops working within five seconds."""
    from customers.entrypoints.process.keys_command import revoke

    run = configure(settings)
    run(revoke(settings, output_of(settings), key_id))
