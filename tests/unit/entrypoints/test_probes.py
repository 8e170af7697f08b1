"""The probes report a storage that is unavailable, slow or broken, and a process that stops."""

import json
from collections.abc import AsyncIterator, Iterator
from io import StringIO

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.http.body import DRAIN
from customers.entrypoints.http.resources import probes
from customers.entrypoints.observability.logs import configure
from tests.support.api_client import PROBLEM, Answer, Api, serving
from tests.support.builders import USD, a_tenant
from tests.support.faulty_storage import FaultyStorage
from tests.support.log_stream import log_stream


@pytest.fixture
def storage() -> FaultyStorage:
    return FaultyStorage(MemoryStorage(currency=USD))


@pytest.fixture
async def api(storage: FaultyStorage) -> AsyncIterator[Api]:
    async with serving(storage, tenant=a_tenant()) as api:
        yield api


@pytest.fixture
def stream() -> Iterator[StringIO]:
    with log_stream() as stream:
        yield stream


async def probe(api: Api, path: str) -> Answer:
    return await api.send("GET", path, base="", headers={"X-Tenant-ID": None})


async def test_with_an_unavailable_storage_the_service_is_neither_healthy_nor_ready(
    api: Api, storage: FaultyStorage
) -> None:
    storage.is_unavailable = True
    health, ready, live = [await probe(api, path) for path in ("/health", "/ready", "/live")]
    assert (health.status, health.body["status"]) == (503, "unhealthy")
    assert (ready.status, ready.body["status"]) == (503, "not ready")
    assert ready.body["message"] == "the storage is not available, try again in a moment"
    assert (int(health.headers["Retry-After"]), int(ready.headers["Retry-After"])) == (2, 2)
    assert live.status == 200


@pytest.mark.parametrize("path", ["/live", "/ready", "/health", "/metrics"])
async def test_probes_and_scrapes_are_logged_at_debug(
    api: Api, path: str, stream: StringIO
) -> None:
    configure("debug", as_json=True, stream=stream)
    assert (await probe(api, path)).status == 200
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["level"], line["route"]) == ("request", "debug", path)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/api/v1/customers"])
async def test_other_requests_are_logged_at_info(api: Api, path: str, stream: StringIO) -> None:
    configure("info", as_json=True, stream=stream)
    await probe(api, path)
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["level"], line["route"]) == ("request", "info", path)


async def test_a_caller_that_accepts_problem_documents_gets_one(
    api: Api, storage: FaultyStorage
) -> None:
    storage.is_unavailable = True
    health = await api.send("GET", "/health", base="", headers={"Accept": PROBLEM})
    assert (health.status, health.headers["Content-Type"]) == (503, PROBLEM)


async def test_a_probe_does_not_wait_for_a_storage_that_hangs(
    api: Api, storage: FaultyStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "CHECK_SECONDS", 0.01)
    storage.is_hanging = True
    ready = await probe(api, "/ready")
    assert ready.status == 503
    assert ready.body["message"] == "the storage does not answer in time"


async def test_the_reason_of_a_storage_failure_is_not_shown_to_callers(
    api: Api, storage: FaultyStorage
) -> None:
    storage.is_broken = True
    for path in ("/health", "/ready"):
        answer = await probe(api, path)
        assert answer.status == 503
        assert b"secret" not in answer.raw


async def test_the_service_is_ready_as_soon_as_the_storage_is_back(
    api: Api, storage: FaultyStorage
) -> None:
    storage.is_unavailable = True
    assert (await probe(api, "/ready")).status == 503
    storage.is_unavailable = False
    assert (await probe(api, "/ready")).status == 200


async def test_a_stopping_process_is_healthy_but_not_ready(api: Api) -> None:
    api.app[DRAIN].stop()
    health, ready = await probe(api, "/health"), await probe(api, "/ready")
    assert (health.status, ready.status, ready.body["status"]) == (200, 503, "stopping")
    assert (ready.code, ready.headers["Connection"]) == ("STOPPING", "close")
