"""Metrics of one process, and of several that share a directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from customers.entrypoints.observability.metrics import Metrics, PoolUsage, shared_environment

ROUTE = "/api/v1/customers/{id}"
SHARE = """
import os, pathlib, sys
from customers.entrypoints.observability.metrics import Metrics, PoolUsage, forget_process
folder = pathlib.Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
pool = lambda: PoolUsage(size=5, idle=2)
metrics = Metrics.create(version="1.2.3", pool=pool, multiprocess_dir=folder)
metrics.http_started()
metrics.count_fact(kind="order", transport="grpc", outcome="recorded")
if "sweeping" in os.environ:
    metrics.set_segment_builds(3, 0.25)
for pid in sys.argv[1:]:
    forget_process(folder, int(pid))
print(os.getpid())
print(metrics.render()[0].decode())
"""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics.create(version="1.2.3")


def value(source: Metrics | str, name: str, **labels: str) -> float | None:
    text = source if isinstance(source, str) else source.render()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def run_sharing(folder: Path, *ended_pids: int, **environ: str) -> tuple[int, str]:
    """The id of a process that shares metrics in the folder, and the text it rendered.

    With `sweeping` in its environment the process is building segments.
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


def test_a_request_is_counted_by_route_method_and_status(metrics: Metrics) -> None:
    for status in (200, 200, 404):
        metrics.http_started()
        metrics.http_finished(method="GET", route=ROUTE, status=status, seconds=0.003)
    labels = {"route": ROUTE, "method": "GET"}
    assert value(metrics, "customers_http_requests_total", **labels, status="200") == 2
    assert value(metrics, "customers_http_requests_total", **labels, status="404") == 1


def test_the_duration_of_a_request_is_measured_by_route_and_method(metrics: Metrics) -> None:
    metrics.http_started()
    metrics.http_finished(method="GET", route=ROUTE, status=200, seconds=0.003)
    name, labels = "customers_http_request_duration_seconds", {"route": ROUTE, "method": "GET"}
    assert value(metrics, f"{name}_sum", **labels) == 0.003
    assert value(metrics, f"{name}_bucket", **labels, le="0.0025") == 0
    assert value(metrics, f"{name}_bucket", **labels, le="0.005") == 1


def test_a_request_is_in_flight_until_it_is_finished(metrics: Metrics) -> None:
    metrics.http_started()
    metrics.http_started()
    metrics.http_finished(method="GET", route=ROUTE, status=200, seconds=0.003)
    assert value(metrics, "customers_http_requests_in_flight") == 1


def test_unknown_methods_and_routes_do_not_become_labels(metrics: Metrics) -> None:
    metrics.http_started()
    metrics.http_finished(method="BREW", route=None, status=404, seconds=0.003)
    metrics.rpc_started()
    metrics.rpc_finished(method=None, code="UNIMPLEMENTED", seconds=0.003)
    labels = {"route": "unmatched", "method": "OTHER", "status": "404"}
    assert value(metrics, "customers_http_requests_total", **labels) == 1
    labels = {"method": "OTHER", "code": "UNIMPLEMENTED"}
    assert value(metrics, "customers_grpc_requests_total", **labels) == 1


def test_a_call_is_counted_and_measured_by_method_and_code(metrics: Metrics) -> None:
    method = "customers.v1.CustomersService/RecordOrder"
    metrics.rpc_started()
    metrics.rpc_started()
    metrics.rpc_finished(method=f"/{method}", code="NOT_FOUND", seconds=0.25)
    assert value(metrics, "customers_grpc_requests_total", method=method, code="NOT_FOUND") == 1
    assert value(metrics, "customers_grpc_request_duration_seconds_sum", method=method) == 0.25
    assert value(metrics, "customers_grpc_requests_in_flight") == 1


def test_facts_are_counted_from_zero_by_kind_transport_and_outcome(metrics: Metrics) -> None:
    name, labels = "customers_ledger_facts_total", {"kind": "refund", "transport": "http"}
    assert value(metrics, name, **labels, outcome="duplicate") == 0
    metrics.count_fact(kind="refund", transport="http", outcome="duplicate")
    assert value(metrics, name, **labels, outcome="duplicate") == 1
    assert value(metrics, name, **labels, outcome="recorded") == 0


def test_no_segment_is_being_built_at_first(metrics: Metrics) -> None:
    assert value(metrics, "customers_segment_builds") == 0
    assert value(metrics, "customers_segment_build_progress_ratio") == 1


def test_segment_builds_have_the_count_and_progress_set_last(
    metrics: Metrics,
) -> None:
    for count, progress in ((2, 0.125), (1, 0.5), (0, 1)):
        metrics.set_segment_builds(count, progress)
        assert value(metrics, "customers_segment_builds") == count
        assert value(metrics, "customers_segment_build_progress_ratio") == progress


def test_the_pool_is_sampled_when_the_metrics_are_rendered() -> None:
    stats = PoolUsage(size=4, idle=4, waiting=0)
    metrics = Metrics.create(version="1.2.3", pool=lambda: stats)
    metrics.render()
    stats = PoolUsage(size=10, idle=1, waiting=7)
    states = ("size", "idle", "in_use", "waiting")
    samples = [value(metrics, "customers_pool_connections", state=state) for state in states]
    assert samples == [10, 1, 9, 7]


def test_a_pool_that_does_not_report_waiting_requests_has_no_sample_of_them() -> None:
    metrics = Metrics.create(version="1.2.3", pool=lambda: PoolUsage(size=1, idle=0))
    assert value(metrics, "customers_pool_connections", state="in_use") == 1
    assert value(metrics, "customers_pool_connections", state="waiting") is None


def test_without_a_pool_there_are_no_pool_metrics(metrics: Metrics) -> None:
    assert b"customers_pool" not in metrics.render()[0]


def test_metrics_are_not_shared_by_default(metrics: Metrics) -> None:
    other = Metrics.create(version="1.2.3")
    other.http_started()
    assert value(metrics, "customers_http_requests_in_flight") == 0


def test_the_text_has_the_content_type_of_prometheus(metrics: Metrics) -> None:
    text, content_type = metrics.render()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert list(text_string_to_metric_families(text.decode()))


def test_the_metrics_include_the_build_and_the_process(metrics: Metrics) -> None:
    text = metrics.render()[0].decode()
    python = sys.version.split()[0]
    assert value(text, "customers_build_info", version="1.2.3", python=python) == 1
    assert (value(text, "process_resident_memory_bytes") or 0) > 0
    assert value(text, "python_gc_collections_total", generation="0") is not None


def test_counters_have_no_created_samples(metrics: Metrics) -> None:
    metrics.http_started()
    metrics.http_finished(method="GET", route=ROUTE, status=200, seconds=0.003)
    assert b"_created" not in metrics.render()[0]


def test_processes_that_share_a_folder_render_their_sum(tmp_path: Path) -> None:
    run_sharing(tmp_path)
    _, text = run_sharing(tmp_path)
    labels = {"kind": "order", "transport": "grpc", "outcome": "recorded"}
    assert value(text, "customers_ledger_facts_total", **labels) == 2
    assert value(text, "customers_http_requests_in_flight") == 2
    assert value(text, "customers_pool_connections", state="size") == 10
    assert value(text, "customers_build_info", version="1.2.3", python=sys.version.split()[0]) == 1


def test_a_forgotten_process_leaves_only_its_counters(tmp_path: Path) -> None:
    pid, _ = run_sharing(tmp_path)
    _, text = run_sharing(tmp_path, pid)
    labels = {"kind": "order", "transport": "grpc", "outcome": "recorded"}
    assert value(text, "customers_ledger_facts_total", **labels) == 2
    assert value(text, "customers_http_requests_in_flight") == 1
    assert value(text, "customers_pool_connections", state="size") == 5


def test_segment_builds_are_those_of_the_process_that_sweeps(tmp_path: Path) -> None:
    sweeping_pid, _ = run_sharing(tmp_path, sweeping="yes")
    _, text = run_sharing(tmp_path)
    assert value(text, "customers_segment_builds") == 3
    assert value(text, "customers_segment_build_progress_ratio") == 0.25
    _, text = run_sharing(tmp_path, sweeping_pid)
    assert value(text, "customers_segment_builds") == 0
    assert value(text, "customers_segment_build_progress_ratio") == 1


def test_a_process_not_started_for_sharing_cannot_share_metrics(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
        Metrics.create(version="1.2.3", multiprocess_dir=tmp_path)
