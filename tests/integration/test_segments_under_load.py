"""Members are right under concurrent writes, publications and reads, and after a killed backfill.

LOAD_SECONDS is how long the load lasts.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession

from benchmarks.sample_data import load_tenants
from tests.support.forked_program import start_command
from tests.support.load import RandomLoad
from tests.support.patience import PATIENCE_SECONDS
from tests.support.restarts import RestartableService
from tests.support.service_process import Service

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.newest_server,
    pytest.mark.timeout(600),
]

SECONDS = float(os.environ.get("LOAD_SECONDS", "12"))
CONNECTIONS, TENANT, CUSTOMERS = 16, "shop", 80_000


async def test_members_are_right_after_concurrent_load(empty: str, tmp_path: Path) -> None:
    with RestartableService(tmp_path, empty) as running:
        async with tenant_at(running.service) as session:
            load = RandomLoad(session, Random(20_260_115))
            await load.run(SECONDS, connections=CONNECTIONS)
            assert await differences(empty, tmp_path) == "1 tenant checked, 0 differences\n"
            for segment in await load.send("GET", "/segments"):
                await _expect_feed_of_members(load, segment)
    print(f"{load.writes} writes, {load.rule_changes} rule changes, {load.statuses}")
    assert min(load.writes / CONNECTIONS, load.rule_changes) > SECONDS


async def test_a_killed_backfill_is_completed_after_the_restart(empty: str, tmp_path: Path) -> None:
    with RestartableService(tmp_path, empty) as running:
        await load_tenants(empty, {TENANT: CUSTOMERS})
        async with tenant_at(running.service) as session:
            rules = [{"field": "total_orders", "operator": "gte", "value": 1}]
            body = {"name": "Buyers", "rules": rules}
            async with session.post("/api/v1/customers/segments", json=body) as response:
                segment = await response.json()
        await asyncio.to_thread(running.kill_and_restart)
        assert segment["buildStatus"] == "building"
        assert 0 < segment["buildProgress"] < 1
        async with tenant_at(running.service) as session:
            ready = await _ready(session, f"/api/v1/customers/segments/{segment['id']}")
        assert ready["customerCount"] == segment["customerCount"] > CUSTOMERS / 2
        assert await differences(empty, tmp_path) == "1 tenant checked, 0 differences\n"


@asynccontextmanager
async def tenant_at(service: Service) -> AsyncIterator[ClientSession]:
    async with ClientSession(service.http, headers={"X-Tenant-ID": TENANT}) as session:
        yield session


async def differences(url: str, folder: Path) -> str:
    """The doctor's output for all segments of a database."""
    doctor_folder = folder / "doctor"
    doctor_folder.mkdir()
    with start_command(
        doctor_folder, "doctor", "segments", environ={"DATABASE_URL": url}
    ) as doctor:
        await asyncio.to_thread(doctor.process.wait, PATIENCE_SECONDS)
        assert doctor.errors == ""
        return doctor.output


async def _expect_feed_of_members(load: RandomLoad, segment: dict[str, Any]) -> None:
    """Asserts that each change in the feed adds a customer who is no member or removes a member."""
    path, members, after = f"/segments/{segment['id']}", set[str](), 0
    while (page := await load.send("GET", f"{path}/changes?after={after}"))["changes"]:
        for change in page["changes"]:
            is_new = change["customerId"] not in members
            assert (change["change"] == "entered") is is_new, change
            (members.add if is_new else members.remove)(change["customerId"])
        after = page["next"]


async def _ready(session: ClientSession, path: str) -> dict[str, Any]:
    """The segment, once its backfill is complete."""
    while True:
        async with session.get(path) as response:
            segment: dict[str, Any] = await response.json()
        if segment["buildStatus"] == "ready":
            return segment
        await asyncio.sleep(0.1)
