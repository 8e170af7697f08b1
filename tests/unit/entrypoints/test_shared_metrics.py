"""Metrics of several processes that share a directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from customers.entrypoints.observability.metrics import Metrics, shared_environment
from tests.support.metric_samples import value

SHARE = """
import os, pathlib, sys, time
from prometheus_client import CollectorRegistry
from customers.entrypoints.observability.database_metrics import DatabaseMetrics, PoolUsage
from customers.entrypoints.observability.metrics import Metrics, forget_process
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
folder = pathlib.Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
pool = lambda: PoolUsage(in_use=3, idle=2, max_connections=10, waiting=4)
registry = CollectorRegistry()
refusals = RefusalMetrics(registry)
database = DatabaseMetrics(registry, refusals)
metrics = Metrics.create(
    version="1.2.3", registry=registry, pool=pool, refusals=refusals, multiprocess_dir=folder
)
metrics.http_started()
metrics.count_fact(kind="order", transport="grpc", outcome="recorded")
database.waited(0.25)
database.timed_out()
database.failed("57014")
if "sweeping" in os.environ:
    metrics.set_segment_builds(3, 0.25)
    metrics.set_sweeper(is_leader=True, pending_changes=7, lag_seconds=1.5)
    metrics.sweep_succeeded()
if "schema" in os.environ:
    database.checked_schema(os.environ["schema"], "0008")
for pid in sys.argv[1:]:
    forget_process(folder, int(pid))
print(os.getpid())
print("# own CPU", time.process_time())
print(metrics.render()[0].decode())
"""
PROCESS = """
    cpu_seconds_total resident_memory_bytes virtual_memory_bytes open_fds max_fds start_time_seconds
""".split()


def run_sharing(folder: Path, *ended_pids: int, **environ: str) -> tuple[int, str]:
    """The id of a process that shares metrics in the folder, and the text it rendered.

    With `sweeping` in its environment the process is building segments; `schema` is the revision
    of the schema that it found. It forgets the processes `ended_pids`.
    """
    process = subprocess.run(
        [sys.executable, "-c", SHARE, *map(str, ended_pids)],
        env={**os.environ, **shared_environment(folder), **environ},
        capture_output=True,
        check=True,
        text=True,
    )
    pid, _, text = process.stdout.partition("\n")
    return int(pid), text


def process_values(text: str) -> dict[str, float]:
    """The values of the metrics of the process, 0 for those that do not exist."""
    return {name: value(text, f"process_{name}") or 0 for name in PROCESS}


def own_cpu_seconds(text: str) -> float:
    """The CPU time of the process that rendered the text, shortly before."""
    return float(text.splitlines()[0].removeprefix("# own CPU "))


def test_processes_that_share_a_folder_render_their_sum(tmp_path: Path) -> None:
    run_sharing(tmp_path)
    _, text = run_sharing(tmp_path)
    labels = {"kind": "order", "transport": "grpc", "outcome": "recorded"}
    assert value(text, "customers_ledger_facts_total", **labels) == 2
    assert value(text, "customers_http_requests_in_flight") == 2
    assert value(text, "customers_build_info", version="1.2.3", python=sys.version.split()[0]) == 1


def test_the_pools_of_processes_that_share_a_folder_are_added_up(tmp_path: Path) -> None:
    run_sharing(tmp_path)
    _, text = run_sharing(tmp_path)
    assert value(text, "customers_pool_connections", state="in_use") == 6
    assert value(text, "customers_pool_connections", state="idle") == 4
    assert value(text, "customers_pool_connections_max") == 20
    assert value(text, "customers_pool_waiting_requests") == 8
    assert value(text, "customers_pool_wait_seconds_count") == 2
    assert value(text, "customers_pool_wait_seconds_sum") == 0.5
    assert value(text, "customers_pool_timeouts_total") == 2
    assert value(text, "customers_database_errors_total", **{"class": "57"}) == 2
    assert value(text, "customers_database_statement_timeouts_total") == 2


def test_a_forgotten_process_leaves_only_its_counters(tmp_path: Path) -> None:
    pid, _ = run_sharing(tmp_path)
    _, text = run_sharing(tmp_path, pid)
    labels = {"kind": "order", "transport": "grpc", "outcome": "recorded"}
    assert value(text, "customers_ledger_facts_total", **labels) == 2
    assert value(text, "customers_http_requests_in_flight") == 1
    assert value(text, "customers_pool_connections", state="in_use") == 3


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux has /proc")
def test_the_processes_that_share_a_folder_are_added_up(tmp_path: Path) -> None:
    _, text = run_sharing(tmp_path)
    one = process_values(text)
    _, text = run_sharing(tmp_path)
    two = process_values(text)
    assert all(one.values())
    assert two["cpu_seconds_total"] > one["cpu_seconds_total"] + own_cpu_seconds(text) / 2
    for name in ("resident_memory_bytes", "virtual_memory_bytes", "open_fds"):
        assert two[name] > 1.2 * one[name], name
    assert two["max_fds"] == 2 * one["max_fds"]
    assert two["start_time_seconds"] >= one["start_time_seconds"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux has /proc")
def test_of_a_forgotten_process_only_the_cpu_time_remains(tmp_path: Path) -> None:
    pid, text = run_sharing(tmp_path)
    one = process_values(text)
    _, text = run_sharing(tmp_path, pid)
    two = process_values(text)
    assert two["cpu_seconds_total"] > one["cpu_seconds_total"] + own_cpu_seconds(text) / 2
    assert two["resident_memory_bytes"] < 1.8 * one["resident_memory_bytes"]
    assert two["max_fds"] == one["max_fds"]


def test_the_interpreter_is_described_by_every_process(tmp_path: Path) -> None:
    _, text = run_sharing(tmp_path)
    one = value(text, "python_gc_collections_total", generation="0")
    _, text = run_sharing(tmp_path)
    two = value(text, "python_gc_collections_total", generation="0")
    assert one
    assert two
    assert two > one
    assert text.count("\npython_info{") == 1


def test_segment_builds_are_those_of_the_process_that_sweeps(tmp_path: Path) -> None:
    sweeping_pid, _ = run_sharing(tmp_path, sweeping="yes")
    _, text = run_sharing(tmp_path)
    assert value(text, "customers_segment_builds") == 3
    assert value(text, "customers_segment_build_progress_ratio") == 0.25
    _, text = run_sharing(tmp_path, sweeping_pid)
    assert value(text, "customers_segment_builds") == 0
    assert value(text, "customers_segment_build_progress_ratio") == 1


def test_the_sweeper_is_that_of_the_process_that_sweeps(tmp_path: Path) -> None:
    sweeping_pid, _ = run_sharing(tmp_path, sweeping="yes")
    _, text = run_sharing(tmp_path)
    names = ("leader", "pending_changes", "lag_seconds")
    assert [value(text, f"customers_sweeper_{name}") for name in names] == [1, 7, 1.5]
    last_success = value(text, "customers_sweeper_last_success_timestamp_seconds")
    assert last_success
    _, text = run_sharing(tmp_path, sweeping_pid)
    assert [value(text, f"customers_sweeper_{name}") for name in names] == [0, 0, 0]
    assert value(text, "customers_sweeper_last_success_timestamp_seconds") == last_success


def test_files_that_a_starting_process_has_not_written_yet_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "counter_999999.db").touch()
    _, text = run_sharing(tmp_path)
    assert value(text, "customers_pool_connections_max") == 10


def test_the_schema_revision_is_the_one_that_was_found_last(tmp_path: Path) -> None:
    for revision in ("0008", "0009", "0007"):
        run_sharing(tmp_path, schema=revision)
    _, text = run_sharing(tmp_path)
    assert value(text, "customers_schema_revision") == 7
    assert value(text, "customers_schema_revision_needed") == 8


def test_a_process_not_started_for_sharing_cannot_share_metrics(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
        Metrics.create(version="1.2.3", multiprocess_dir=tmp_path)
