"""Bulk upserts: how many are let in, and what becomes of them when something goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from attrs import define
from prometheus_client import CollectorRegistry

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors.availability import BatchesBusy
from customers.core.ports.storage import Transaction
from customers.entrypoints.admission.bulk_room import MAX_BULKS, BulkRoom
from customers.entrypoints.http.bulk_rows import GROUP_ROWS
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.api_client import Answer, Api, serving
from tests.support.api_steps import new_customer
from tests.support.builders import USD
from tests.support.faulty_storage import FaultyStorage
from tests.support.patience import until

NDJSON = {"Content-Type": "application/x-ndjson"}


@define(eq=False)
class BulkStorage(FaultyStorage):
    """Transactions wait at the gate while it is closed. The storage becomes unavailable, or broken,
    at the transaction with this number.
    """

    begun: int = 0
    outage_at: int = 0
    defect_at: int = 0

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Transaction]:
        self.begun += 1
        number = self.begun
        await self.gate.wait()
        self.is_unavailable = self.is_unavailable or number == self.outage_at
        self.is_broken = number == self.defect_at
        async with FaultyStorage.transaction(self, tenant_id) as transaction:
            yield transaction


@asynccontextmanager
async def service(
    *, outage_at: int = 0, defect_at: int = 0
) -> AsyncIterator[tuple[Api, BulkStorage]]:
    inner = MemoryStorage(currency=USD)
    storage = BulkStorage(inner, outage_at=outage_at, defect_at=defect_at)
    storage.gate.set()
    async with serving(storage, tenant="tenant") as api:
        yield api, storage


def rows(number: int) -> bytes:
    return b"\n".join(json.dumps(new_customer()).encode() for _ in range(number))


async def send(api: Api, body: bytes) -> Answer:
    return await api.post("/customers/bulk-upsert", body, headers=NDJSON)


def numbers(answer: Answer) -> list[Any]:
    return [answer.body[name] for name in ("created", "updated", "unchanged", "failed")]


def test_a_tenant_has_one_bulk_at_a_time() -> None:
    room = BulkRoom(RefusalMetrics(registry := CollectorRegistry()))
    with room.admit("a"), pytest.raises(BatchesBusy), room.admit("a"):
        pass
    with room.admit("a"):
        pass
    assert registry.get_sample_value("customers_refusals_total", {"kind": "bulks"}) == 1


def test_a_process_has_few_bulks_at_a_time() -> None:
    room = BulkRoom(RefusalMetrics(CollectorRegistry()))
    with ExitStack() as stack:
        for number in range(MAX_BULKS):
            stack.enter_context(room.admit(f"tenant-{number}"))
        with pytest.raises(BatchesBusy), room.admit("another"):
            pass


async def test_another_bulk_of_the_tenant_is_refused_before_its_body_is_read() -> None:
    async with service() as (api, storage):
        storage.gate.clear()
        first = asyncio.create_task(send(api, rows(1)))
        await until(lambda: storage.begun == 1)
        refused = await send(api, rows(1))
        assert refused.error == (429, "BATCHES_BUSY")
        assert refused.headers["Retry-After"] == "1"
        other = asyncio.create_task(send(api.of_tenant("other"), rows(1)))
        await until(lambda: storage.begun == 2)
        storage.gate.set()
        assert [(await task).status for task in (first, other)] == [200, 200]
        assert (await send(api, rows(1))).status == 200


async def test_an_outage_before_anything_was_done_is_the_answer() -> None:
    async with service(outage_at=1) as (api, _):
        answer = await send(api, rows(GROUP_ROWS + 1))
        assert answer.error == (503, "STORAGE_UNAVAILABLE")


async def test_groups_before_an_outage_stay_and_no_other_is_tried() -> None:
    async with service(outage_at=2) as (api, storage):
        answer = await send(api, rows(3 * GROUP_ROWS) + b"\n{")
        assert numbers(answer) == [GROUP_ROWS, 0, 0, 2 * GROUP_ROWS + 1]
        assert storage.begun == 2
        storage.is_unavailable = False
        codes = [outcome.get("code") for outcome in answer.body["outcomes"][GROUP_ROWS:]]
        assert codes == ["STORAGE_UNAVAILABLE"] * (2 * GROUP_ROWS) + ["INVALID_JSON"]
        assert (await api.get("/customers")).body["total"] == GROUP_ROWS


async def test_a_defect_concerns_one_group_and_tells_nothing() -> None:
    async with service(defect_at=2) as (api, _):
        answer = await send(api, rows(3 * GROUP_ROWS))
        assert numbers(answer) == [2 * GROUP_ROWS, 0, 0, GROUP_ROWS]
        assert answer.body["outcomes"][GROUP_ROWS]["code"] == "INTERNAL_ERROR"
        assert b"secret" not in answer.raw


async def test_what_had_not_begun_when_the_caller_left_never_begins() -> None:
    async with service() as (api, storage):
        storage.gate.clear()
        call = asyncio.create_task(send(api, rows(3 * GROUP_ROWS)))
        await until(lambda: storage.begun == 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.sleep(0.1)  # until the server has noticed
        storage.gate.set()
        await until(lambda: not storage.is_broken)
        await asyncio.sleep(0.1)
        assert storage.begun == 1
        assert (await api.get("/customers")).body["total"] == GROUP_ROWS


async def test_rows_are_counted_by_outcome() -> None:
    async with service() as (api, _):
        body = rows(3)
        await send(api, body + b"\n{")
        await send(api, body)
        text = (await api.get("/metrics", base="")).raw.decode()
        for outcome, number in {"created": 3, "updated": 0, "unchanged": 3, "failed": 1}.items():
            assert f'customers_upserts_total{{outcome="{outcome}"}} {number}.0' in text
