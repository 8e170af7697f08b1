"""API keys as operators make them, and a service process that lets callers in with them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from attrs import frozen

from tests.support.access import TRUSTED
from tests.support.builders import a_tenant
from tests.support.forked_program import start_command, start_service
from tests.support.service_process import FREE_PORTS, connect, read_response

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]


@frozen
class Operator:
    """Runs commands on a database; `lines` runs them in production, and returns the JSON lines."""

    url: str
    folder: Path

    async def run(self, *command: str, environ: Mapping[str, str] = {}) -> tuple[int, str, str]:
        environ = {"DATABASE_URL": self.url, **environ}
        (folder := self.folder / str(uuid4())).mkdir()
        with start_command(folder, *command, environ=environ) as process:
            status = await asyncio.to_thread(process.exit_code)
            return status, process.output, process.errors

    async def lines(self, *command: str) -> Sequence[dict[str, Any]]:
        production = {"ENVIRONMENT": "production", **TRUSTED}
        status, output, errors = await self.run(*command, environ=production)
        assert status == 0, errors
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def operator(url: str, tmp_path: Path) -> Operator:
    return Operator(url, tmp_path)


def status_of(service: Any, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    with closing(connect(service)) as connection:
        connection.request("GET", "/api/v1/customers", headers=headers)
        return read_response(connection)[0]


async def test_a_key_lets_a_service_in_until_it_is_revoked(
    operator: Operator, tmp_path: Path
) -> None:
    tenant = a_tenant()
    [new_key] = await operator.lines(
        "keys", "create", "--tenant", tenant, "--permissions", "customers:view"
    )
    key, secret = new_key["key"], new_key["key"].rpartition("_")[2]
    environ = {"DATABASE_URL": operator.url, **TRUSTED, "GATEWAY_PEERS": "192.0.2.1/32"}
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        assert await asyncio.to_thread(status_of, service, key) == 200
        assert await asyncio.to_thread(status_of, service, f"{key[:-1]}_") == 401
        assert await asyncio.to_thread(service.stop) == 0
        assert secret not in service.output + service.errors
    [listed] = await operator.lines("keys", "list", "--tenant", tenant)
    assert listed["last_used_at"] is not None  # written when the service stopped
    assert (listed["id"], listed["permissions"]) == (new_key["id"], ["customers:view"])
    assert secret not in json.dumps(listed)
    [explained] = await operator.lines("access", "explain", "--key", new_key["id"])
    assert (explained["kind"], explained["subject"]) == ("service", new_key["id"])
    assert (explained["may"], explained["is_valid"]) == (["customers:view"], True)
    assert secret not in json.dumps(explained)
    everybody = await operator.lines("keys", "list")
    assert new_key["id"] in {key["id"] for key in everybody if key["tenant_id"] == tenant}
    [revoked] = await operator.lines("keys", "revoke", new_key["id"])
    assert revoked["tenant_id"] == tenant
    assert await operator.lines("keys", "list", "--tenant", tenant) == []


async def test_a_key_that_is_refused_is_explained_by_the_reason(operator: Operator) -> None:
    create = ("keys", "create", "--tenant", a_tenant(), "--permissions", "*")
    [revoked] = await operator.lines(*create)
    [expired] = await operator.lines(*create, "--expires", "1m")
    await operator.lines("keys", "revoke", revoked["id"])
    connection = await asyncpg.connect(operator.url)
    past = "UPDATE customer_api_keys SET expires_at = created_at WHERE id = $1"
    await connection.execute(past, expired["id"])
    await connection.close()
    for key, reason in ((revoked, "was revoked"), (expired, "expired")):
        status, output, errors = await operator.run("access", "explain", "--key", key["id"])
        assert (status, output) == (1, "")
        assert errors.startswith(f"the key {key['id']} {reason} at 20")
        assert errors.endswith(": a caller with it is refused with 401\n")


async def test_the_secret_of_a_key_is_in_no_row(operator: Operator) -> None:
    status, output, _ = await operator.run(
        *("keys", "create", "--tenant", a_tenant(), "--permissions", "*", "--expires", "90d")
    )
    assert status == 0
    key = output.splitlines()[-1]
    assert key.startswith("csk_")
    connection = await asyncpg.connect(operator.url)
    rows = await connection.fetch("SELECT k::text AS text FROM customer_api_keys k")
    await connection.close()
    key_id, secret = key.removeprefix("csk_").split("_")
    assert any(key_id in row["text"] for row in rows)
    assert not [row for row in rows if secret in row["text"]]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("create", "--tenant", "t", "--permissions", "fly"), "permissions: item 1 is not a"),
        (("create", "--tenant", "a b", "--permissions", "*"), "tenant: must be 1 to 255"),
        (("create", "--tenant", "t", "--permissions", "*", "--expires", "1w"), "expires: must be"),
        (("list", "--tenant", "a b"), "tenant: must be 1 to 255"),
        (("revoke", str(uuid4())), "key not found"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(
    operator: Operator, command: tuple[str, ...], sentence: str
) -> None:
    status, output, errors = await operator.run("keys", *command)
    assert (status, output) == (1, "")
    assert errors.startswith(f"Error: {sentence}")
    assert errors.count("\n") == 1
