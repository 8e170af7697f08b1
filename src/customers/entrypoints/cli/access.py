"""The commands `customers access …`."""

from pathlib import Path
from uuid import UUID

import click

from customers.entrypoints.cli.process import configure, output_of
from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.settings import Settings


@click.group()
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

    If the caller would be refused, it says why and exits with 1.
    """
    from customers.entrypoints.process.explain_access import explain_token
    from customers.entrypoints.process.explain_key import explain_key

    if (token_file is None) == (key_id is None):
        raise click.UsageError("Give the caller to explain: --token FILE, or --key ID.")
    run, output = configure(settings), output_of(settings)
    if token_file is not None:
        run(explain_token(settings, token_file, output))
    elif key_id is not None:
        run(explain_key(settings, key_id, output))
