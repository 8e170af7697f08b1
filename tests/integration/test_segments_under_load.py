"""Members are right whoever writes, publishes and reads at once, and whoever is killed meanwhile.

STORM_SECONDS says how long the storm lasts.
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
from tests.support.load import Storm
from tests.support.restarts import Restarting
from tests.support.service_process import Service, launched

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SECONDS = float(os.environ.get("STORM_SECONDS", "12"))
CONNECTIONS, TENANT, SO_MANY = 16, "shop", 80_000
BUILT = "SELECT cursor, watermark, scanned FROM customer_segment_refresh_states"


async def test_members_are_right_after_a_storm(empty: str, tmp_path: Path) -> None:
    with Restarting(tmp_path, empty) as running:
        async with tenant_at(running.service) as session:
            storm = Storm(session, Random(20_260_115))
            await storm.blow(SECONDS, connections=CONNECTIONS)
            assert await differences(empty, tmp_path) == "1 tenant checked, 0 differences\n"
            for segment in await storm.ask("GET", "/segments"):
                await _expect_feed_of_members(storm, segment)
    print(f"{storm.writes} writes, {storm.rule_changes} rule changes, {storm.statuses}")
    assert min(storm.writes / CONNECTIONS, storm.rule_changes) > SECONDS


async def test_a_build_that_is_killed_is_completed(empty: str, tmp_path: Path) -> None:
    with Restarting(tmp_path, empty) as running:
        await load_tenants(empty, {TENANT: SO_MANY})
        async with tenant_at(running.service) as session:
            rules = [{"field": "total_orders", "operator": "gte", "value": 1}]
            body = {"name": "Buyers", "rules": rules}
            async with session.post("/api/v1/customers/segments", json=body) as answer:
                segment = await answer.json()
        await asyncio.to_thread(running.kill_and_start_again)
        assert segment["buildStatus"] == "building"
        assert 0 < segment["buildProgress"] < 1
        async with tenant_at(running.service) as session:
            built = await _built(session, f"/api/v1/customers/segments/{segment['id']}")
        assert built["customerCount"] == segment["customerCount"] > SO_MANY / 2
        assert await differences(empty, tmp_path) == "1 tenant checked, 0 differences\n"


@asynccontextmanager
async def tenant_at(service: Service) -> AsyncIterator[ClientSession]:
    async with ClientSession(service.http, headers={"X-Tenant-ID": TENANT}) as session:
        yield session


async def differences(url: str, folder: Path) -> str:
    """What the doctor says of all segments of a database."""
    checked = folder / "doctor"
    checked.mkdir()
    with launched(checked, "doctor", "segments", environ={"DATABASE_URL": url}) as doctor:
        await asyncio.to_thread(doctor.process.wait, 60)
        assert doctor.errors == ""
        return doctor.output


async def _expect_feed_of_members(storm: Storm, segment: dict[str, Any]) -> None:
    """What was settled by one moment is what the members were; time may have moved them since."""
    path, members, after = f"/segments/{segment['id']}", set[str](), 0
    while (page := await storm.ask("GET", f"{path}/changes?after={after}"))["changes"]:
        for change in page["changes"]:
            is_new = change["customerId"] not in members
            assert (change["change"] == "entered") is is_new, change
            (members.add if is_new else members.remove)(change["customerId"])
        after = page["next"]


async def _built(session: ClientSession, path: str) -> dict[str, Any]:
    while True:
        async with session.get(path) as answer:
            segment: dict[str, Any] = await answer.json()
        if segment["buildStatus"] == "ready":
            return segment
        await asyncio.sleep(0.1)
