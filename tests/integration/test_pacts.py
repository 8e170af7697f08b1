"""The service fulfils the pacts of its consumers, on memory and on PostgreSQL.

The pact files are written by the tests of `examples/`.
"""

import asyncio
import json
from pathlib import Path

import pytest
from pact import Verifier

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from tests.support.builders import USD
from tests.support.memory_service import memory_service

PACTS = sorted((Path(__file__).parents[2] / "examples" / "pacts").glob("*.json"))
by_pact = pytest.mark.parametrize("pact", PACTS, ids=lambda pact: pact.stem)


@pytest.fixture(autouse=True)
def untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches off the telemetry of the verifier."""
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "true")


def interactions(pact: Path) -> int:
    return len(json.loads(pact.read_text())["interactions"])


async def verify(pact: Path, storage: Storage) -> None:
    async with memory_service(storage, clock=None) as service:
        origin = f"http://127.0.0.1:{service.api.port}"
        verifier = (
            Verifier("customers-service", host="127.0.0.1")
            .add_transport(url=origin)
            .add_source(pact)
            .state_handler(f"{origin}/__test/pact-state", teardown=True, body=True)
        )
        try:
            await asyncio.to_thread(verifier.verify)
        except RuntimeError:
            pytest.fail(verifier.output(strip_ansi=True))
    assert len(verifier.results["interactionResults"]) == interactions(pact) > 0


def test_there_are_pacts() -> None:
    assert PACTS


@by_pact
async def test_the_memory_service_fulfils_the_pact(pact: Path) -> None:
    await verify(pact, MemoryStorage(currency=USD))


@pytest.mark.asyncio(loop_scope="session")
@by_pact
async def test_the_postgresql_service_fulfils_the_pact(
    pact: Path, storage: PostgresStorage
) -> None:
    await verify(pact, storage)
