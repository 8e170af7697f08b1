"""The REST operations and pgbench scripts of the benchmark run; their costs are not tested."""

import re
from pathlib import Path

import pytest
from click import ClickException

from benchmarks import report
from benchmarks.cpu import Cpu
from benchmarks.measurement import Cost, Measurement, Statements, fetch_cursor, send_all
from benchmarks.operations import SORTS, Tenant, operations
from benchmarks.sample_data import load_tenants
from benchmarks.targets import of_operations
from benchmarks.wrk import Load, expect_installed
from tests.support.databases import rows
from tests.support.restarts import RestartableService

on_the_session_loop = pytest.mark.asyncio(loop_scope="session")

SIZE = 2_000


@on_the_session_loop
async def test_the_service_answers_every_operation(empty: str, tmp_path: Path) -> None:
    with RestartableService(tmp_path, empty) as running:
        await load_tenants(empty, {"tenant": SIZE})
        url = running.service.http
        cursors = {sort: await fetch_cursor(url, "tenant", sort, 1) for sort in SORTS}
        tenant = Tenant(id="tenant", size=SIZE, cursors=cursors)
        for operation in operations():
            if not operation.is_rpc:
                [size] = await send_all(url, operation.requests(tenant)[:1])
                assert size > 40, operation.name  # larger than an empty page by cursor


@on_the_session_loop
async def test_every_pgbench_script_runs(empty: str, tmp_path: Path) -> None:
    with RestartableService(tmp_path, empty):
        await load_tenants(empty, {"tenant": SIZE})
        for operation in operations():
            if operation.statement is not None:
                script = operation.statement(Tenant(id="tenant", size=SIZE))
                [_, sql] = script.split("\n", 1)
                assert await rows(empty, re.sub(r":n\b", "7", sql)), operation.name


def test_a_missing_wrk_raises_an_error_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClickException, match="apt-get install wrk"):
        expect_installed()


def test_the_report_shows_met_and_missed_targets() -> None:
    [operation] = [operation for operation in operations() if operation.name == "get by id"]
    measured = Measurement(
        operation=operation,
        body_bytes=700,
        costs={"large": _spent(300e-6, 90e-6), "small": _spent(300e-6, 60e-6)},
        bare=_spent(50e-6, 0),
        statement=Statements(per_second=20_000, database_us=75),
    )
    verdicts = list(of_operations({operation.name: measured}))
    assert [verdict.is_met for verdict in verdicts] == [False, True, True]
    assert [round(verdict.value, 2) for verdict in verdicts] == [6.0, 1.2, 1.08]
    assert "MISSED" in report.verdicts(verdicts)
    assert "6.0" in report.operations([measured])


def _spent(service: float, database: float) -> Cost:
    load = Load(requests=1_000, seconds=1, p50=0.004, p99=0.01, refused=0, broken=0)
    return Cost(loads=(load,), cpu=Cpu(service=1_000 * service, database=1_000 * database))
