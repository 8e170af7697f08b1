"""Tokens and processes: starts with and without keys, and the command that explains a token."""

import asyncio
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import ClientSession

from tests.support.forked_program import start_command, start_service
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.postgres_servers import start_test_server
from tests.support.service_process import COMMAND, MEMORY, Service, a_free_port
from tests.support.tokens import a_signer, claims, fake_provider, jwks_file

SIGNER = a_signer()


def a_token() -> str:
    now = int(time.time())
    return SIGNER.token(claims(iat=now, exp=now + 300))


async def status(session: ClientSession, service: Service, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.get(f"{service.http}/api/v1/customers", headers=headers) as response:
        await response.read()
        return response.status


def test_a_file_without_keys_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("no keys")
    options = ("--auth", "jwt", "--jwt-jwks-file", str(file))
    with start_command(tmp_path, "serve", *MEMORY, *options) as command:
        assert (command.exit_code(), command.output) == (1, "")
    assert command.errors == f'Error: JWT_JWKS_FILE: "{file}" is not a JSON object.\n'


async def test_the_service_starts_while_the_provider_hangs(tmp_path: Path) -> None:
    """The provider runs in this test's event loop, so it answers only after the start."""
    token = a_token()
    async with fake_provider(SIGNER) as provider, ClientSession() as session:
        options = ("--auth", "jwt", "--jwt-jwks-url", f"{provider.url}/jwks?key=hunter2")
        with start_service(tmp_path, *MEMORY, *options) as service:
            statuses = [await status(session, service, token)]
            while statuses[-1] != 200 and len(statuses) < 10_000:
                statuses.append(await status(session, service, token))
            assert statuses[-1] == 200
            assert set(statuses) <= {200, 401}
            assert await status(session, service, "x.y.z") == 401
            await until(lambda: "access refused" in service.output)
        assert "hunter2" not in service.output + service.errors


def test_a_token_on_standard_input_is_explained(tmp_path: Path) -> None:
    file = jwks_file(tmp_path, SIGNER)
    result = subprocess.run(
        [*COMMAND, "access", "explain", "--token", "-", "--auth", "jwt", "--jwt-jwks-file", file],
        env={"HOME": str(tmp_path)},
        input=f"{a_token()}\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert result.stdout.splitlines()[:2] == [
        "kind                 staff",
        "subject              staff-1",
    ]
    assert result.stderr == ""


async def _create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


@pytest.fixture
def database() -> str:
    """The URL of a new, empty database."""
    server, name = start_test_server(), f"tokens_{uuid4().hex}"
    asyncio.run(_create(server, name))
    return f"{server.removesuffix('/postgres')}/{name}"


async def test_each_worker_fetches_the_keys(database: str, tmp_path: Path) -> None:
    async with fake_provider(SIGNER) as provider, AsyncExitStack() as stack:
        environ = {"DATABASE_URL": database, "AUTH": "jwt", "JWT_ISSUER": provider.issuer}
        ports = ("--port", str(a_free_port()), "--rpc-port", str(a_free_port()))
        starting = start_service(tmp_path, *ports, "--workers", "2", environ=environ)
        service = await asyncio.to_thread(starting.__enter__)
        stack.push_async_callback(asyncio.to_thread, starting.__exit__, None, None, None)
        assert provider.requests == 2
        now = int(time.time())
        token = SIGNER.token(claims(iss=provider.issuer, iat=now, exp=now + 300))
        for _ in range(10):  # a connection of its own goes to either worker
            async with ClientSession() as session:
                assert await status(session, service, token) == 200
