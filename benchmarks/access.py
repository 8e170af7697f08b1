"""The cost of access control, compared with none; that of row-level security, with a gateway.

    python -m benchmarks.access [--only TEXT] [--starts 5] [--rounds 4]

Works like `benchmarks.compare`, but compares different settings of this checkout, on one database.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import click
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm
from rich.console import Console

from benchmarks import wrk
from benchmarks.compare import Program, several_starts, table_of
from benchmarks.measurement import Cost
from benchmarks.operations import Operation, Tenant, operations
from customers.devtools.server import running

OPERATIONS = ("get by id", "list by created_at, page 1", "record-order")
BESIDE: Final = {
    "gateway": "none",
    "tokens": "none",
    "keys": "none",
    "row security": "gateway",
}
"""The program that each program is compared with. They differ only in what the name says."""
_HERE = Path(__file__).parents[1]
_ROLE = "bench_service"
_CUSTOMERS = str(Path(sys.executable).with_name("customers"))


@click.command()
@click.option("--only", default="", help="Only operations whose name contains this text.")
@click.option("--starts", default=5, help="How often the programs are started.")
@click.option("--rounds", default=4, help="Seconds of load per start, program and operation.")
@click.option("--customers", default=100_000, help="Customers of the tenant.")
@click.option("--folder", type=Path, default=Path(".bench/access"), help="Folder of the data.")
def main(*, only: str, starts: int, rounds: int, customers: int, folder: Path) -> None:
    """Compares the ways to authenticate callers: processor time for each request."""
    wrk.expect_installed()
    tenant = Tenant(id="bench-large", size=customers)
    compared = [one for one in operations() if one.name in OPERATIONS and only in one.name]
    results = asyncio.run(
        _compare(folder.absolute(), tenant, compared, starts=starts, rounds=rounds)
    )
    for name, base in BESIDE.items():
        title = f"Processor time for each request with {name}, divided by that with {base}"
        Console(width=130).print(table_of(results, title, base, name))


async def _compare(
    folder: Path, tenant: Tenant, compared: list[Operation], *, starts: int, rounds: int
) -> list[dict[str, dict[str, Cost]]]:
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(running(folder / "postgres"))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = _program("gateway", dsn)
        await asyncio.to_thread(base.load, tenant)
        programs = [
            _program("none", dsn, {"AUTH": "none"}),
            base,
            _with_tokens(dsn, tenant, scratch),
            _with_key(dsn, tenant),
            await _with_row_security(dsn),
        ]
        return await several_starts(programs, tenant, compared, starts=starts, rounds=rounds)


def _program(
    name: str, dsn: str, settings: Mapping[str, str] | None = None, *, authorization: str = ""
) -> Program:
    """A program in development mode, because production refuses to serve without authentication."""
    common = {"ENVIRONMENT": "development", "LOG_LEVEL": "warning"}
    return Program(
        name=name,
        source=_HERE,
        settings=common | dict(settings or {}),
        authorization=authorization,
        dsn=dsn,
    )


async def _with_row_security(dsn: str) -> Program:
    """A program that connects as a role that owns nothing, with row-level security on."""
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", _ROLE):
            await connection.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{_ROLE}'")
    finally:
        await connection.close()
    await asyncio.to_thread(_run, dsn, "migrate", "--service-role", _ROLE)
    parts = urlsplit(dsn)
    location = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"{_ROLE}:{_ROLE}@{location}").geturl()
    return _program("row security", url, {"ROW_SECURITY": "on"})


def _run(dsn: str, *command: str) -> str:
    """The output of a `customers` command."""
    run = subprocess.run(
        [_CUSTOMERS, *command],
        env={"DATABASE_URL": dsn, "PATH": ""},
        capture_output=True,
        check=True,
        text=True,
    )
    return run.stdout


def _with_tokens(dsn: str, tenant: Tenant, folder: Path) -> Program:
    """A program that verifies tokens, called with an RS256 token that is valid for an hour."""
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
    return _program("tokens", dsn, settings, authorization=f"Bearer {token}")


def _with_key(dsn: str, tenant: Tenant) -> Program:
    output = _run(dsn, "keys", "create", "--tenant", tenant.id, "--permissions", "*")
    key = next(word for word in output.split() if word.startswith("csk_"))
    return _program("keys", dsn, authorization=f"Bearer {key}")


if __name__ == "__main__":
    main()
