"""What authentication costs: tokens and API keys, beside the claims of a gateway.

    python -m benchmarks.access [--starts 5] [--rounds 4]

As `benchmarks.compare`, of this checkout with different settings, which share one database.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm
from rich.console import Console

from benchmarks import wrk
from benchmarks.compare import Program, several_starts, table_of
from benchmarks.measurement import Cost
from benchmarks.operations import Tenant, operations
from customers.devtools.server import running

OPERATIONS = ("get by id", "list by created_at, page 1", "record-order")
_HERE = Path(__file__).parents[1]
_BASE = "gateway"


@click.command()
@click.option("--starts", default=5, help="How often the programs are started.")
@click.option("--rounds", default=4, help="Turns of a second of each program, in each start.")
@click.option("--customers", default=100_000, help="Customers of the tenant.")
@click.option("--folder", type=Path, default=Path(".bench/access"), help="Folder of the data.")
def main(*, starts: int, rounds: int, customers: int, folder: Path) -> None:
    """Compares the ways to authenticate callers: processor time for each request."""
    wrk.expect_installed()
    tenant = Tenant(id="bench-large", size=customers)
    results = asyncio.run(_compare(folder.absolute(), tenant, starts=starts, rounds=rounds))
    for name in results[0][OPERATIONS[0]]:
        if name != _BASE:
            title = f"Processor time for each request with {name}, divided by that with {_BASE}"
            Console(width=130).print(table_of(results, title, _BASE, name))


async def _compare(
    folder: Path, tenant: Tenant, *, starts: int, rounds: int
) -> list[dict[str, dict[str, Cost]]]:
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(running(folder / "postgres"))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = Program(name=_BASE, source=_HERE, dsn=dsn)
        await asyncio.to_thread(base.load, tenant)
        programs = [base, _with_tokens(dsn, tenant, scratch), _with_key(dsn, tenant)]
        chosen = [operation for operation in operations() if operation.name in OPERATIONS]
        return await several_starts(programs, tenant, chosen, starts=starts, rounds=rounds)


def _with_tokens(dsn: str, tenant: Tenant, folder: Path) -> Program:
    """A service that verifies tokens, and a token of RS256 for an hour."""
    key, file = generate_private_key(65_537, 2_048), folder / "jwks.json"
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    file.write_text(json.dumps({"keys": [public | {"kid": "bench", "use": "sig", "alg": "RS256"}]}))
    claims = {
        "sub": "bench",
        "aud": "customers",
        "tenant_id": tenant.id,
        "permissions": ["*"],
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "bench"})
    settings = {"AUTH": "jwt", "JWT_JWKS_FILE": str(file), "JWT_AUDIENCE": "customers"}
    return Program(
        name="tokens", source=_HERE, settings=settings, authorization=f"Bearer {token}", dsn=dsn
    )


def _with_key(dsn: str, tenant: Tenant) -> Program:
    command = [
        str(Path(sys.executable).with_name("customers")),
        *("keys", "create", "--tenant", tenant.id, "--permissions", "*"),
    ]
    run = subprocess.run(
        command, env={"DATABASE_URL": dsn, "PATH": ""}, capture_output=True, check=True, text=True
    )
    key = next(word for word in run.stdout.split() if word.startswith("csk_"))
    return Program(name="keys", source=_HERE, authorization=f"Bearer {key}", dsn=dsn)


if __name__ == "__main__":
    main()
