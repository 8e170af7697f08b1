"""Schemathesis tries what the OpenAPI document describes, and finds the service to be like that.

Its checks are all on but two. A schema says what to send: a gate may take more than that (another
letter case, white space, an empty parameter), and what a schema lets through may still be refused
(another tenant than the header's, a stale version, a day in the future).
"""

import asyncio
import sys
from pathlib import Path

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports import Storage
from customers.entrypoints.openapi.document import as_json
from customers.entrypoints.openapi.examples import CUSTOMER_ID, EXAMPLES
from tests.benches import benched
from tests.builders import USD
from tests.described import the_document

EXCLUDED = "negative_data_rejection,positive_data_acceptance"
EXAMPLES_EACH = 12


async def tried(storage: Storage, folder: Path) -> tuple[int, str]:
    """The exit code of Schemathesis, and what it says. The customer of the examples is there."""
    async with benched(storage, clock=None) as bench:
        await bench.state("a customer exists", customerId=CUSTOMER_ID)
        told = as_json(the_document()).replace(EXAMPLES["tenantId"], bench.tenant)
        document = folder / "openapi.json"
        await asyncio.to_thread(document.write_text, told, "utf-8")
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "run", str(document)),
            *("--url", f"http://127.0.0.1:{bench.api.port}"),
            *("--header", f"X-Tenant-ID: {bench.tenant}"),
            *("--checks", "all", "--exclude-checks", EXCLUDED),
            *("--seed", "1", "--generation-deterministic", "--max-examples", str(EXAMPLES_EACH)),
            "--no-color",
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_memory_is_as_described(tmp_path: Path) -> None:
    code, said = await tried(MemoryStorage(currency=USD), tmp_path)
    assert code == 0, said
    assert "Tested: 47" in said


@pytest.mark.asyncio(loop_scope="session")
async def test_postgresql_is_as_described(storage: PostgresStorage, tmp_path: Path) -> None:
    code, said = await tried(storage, tmp_path)
    assert code == 0, said
    assert "Tested: 47" in said
