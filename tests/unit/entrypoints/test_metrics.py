"""Metrics of one process; those of several that share a directory are in test_shared_metrics."""

import sys
import time

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from customers.entrypoints.observability.database_metrics import DatabaseMetrics, PoolUsage
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.metric_samples import value

ROUTE = "/api/v1/customers/{id}"
USAGE = PoolUsage(in_use=9, idle=1, max_connections=12, waiting=7)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics.create(version="1.2.3")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def refusals(registry: CollectorRegistry) -> RefusalMetrics:
    return RefusalMetrics(registry)


@pytest.fixture
def database(registry: CollectorRegistry, refusals: RefusalMetrics) -> DatabaseMetrics:
    return DatabaseMetrics(registry, refusals)


@pytest.fixture
def with_database(
    registry: CollectorRegistry,
    refusals: RefusalMetrics,
    database: DatabaseMetrics,
) -> Metrics:
    return Metrics.create(version="1.2.3", registry=registry, pool=lambda: USAGE, refusals=refusals)


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


def test_segment_builds_have_the_count_and_progress_set_last(metrics: Metrics) -> None:
    for count, progress in ((2, 0.125), (1, 0.5), (0, 1)):
        metrics.set_segment_builds(count, progress)
        assert value(metrics, "customers_segment_builds") == count
        assert value(metrics, "customers_segment_build_progress_ratio") == progress


def test_the_pool_is_sampled_when_the_metrics_are_rendered() -> None:
    usage = PoolUsage(in_use=0, idle=4, max_connections=12, waiting=0)
    metrics = Metrics.create(version="1.2.3", pool=lambda: usage)
    metrics.render()
    usage = USAGE
    assert value(metrics, "customers_pool_connections", state="in_use") == 9
    assert value(metrics, "customers_pool_connections", state="idle") == 1
    assert value(metrics, "customers_pool_connections_max") == 12
    assert value(metrics, "customers_pool_waiting_requests") == 7


def test_the_states_of_connections_add_up_to_the_open_ones(with_database: Metrics) -> None:
    text = with_database.render()[0].decode()
    [family] = [
        family
        for family in text_string_to_metric_families(text)
        if family.name == "customers_pool_connections"
    ]
    assert sum(sample.value for sample in family.samples) == USAGE.in_use + USAGE.idle


def test_waits_for_a_connection_are_measured_and_time_outs_counted(
    with_database: Metrics, database: DatabaseMetrics
) -> None:
    assert value(with_database, "customers_pool_timeouts_total") == 0
    database.waited(0.03)
    database.waited(5)
    database.timed_out()
    assert value(with_database, "customers_pool_wait_seconds_sum") == 5.03
    assert value(with_database, "customers_pool_wait_seconds_bucket", le="0.05") == 1
    assert value(with_database, "customers_pool_timeouts_total") == 1


@pytest.mark.parametrize(
    ("sqlstate", "label"),
    [
        ("23505", "23"),
        ("40P01", "40"),
        ("57014", "57"),
        ("XX000", "XX"),
        ("P0001", "other"),
        ("secret", "other"),
        ("", "connection"),
        (None, "connection"),
    ],
)
def test_errors_of_the_database_are_counted_by_a_class_from_a_fixed_set(
    with_database: Metrics, database: DatabaseMetrics, sqlstate: str | None, label: str
) -> None:
    name, labels = "customers_database_errors_total", {"class": label}
    assert value(with_database, name, **labels) == 0
    database.failed(sqlstate)
    assert value(with_database, name, **labels) == 1


def test_statements_that_time_out_are_counted(
    with_database: Metrics, database: DatabaseMetrics
) -> None:
    database.failed("57P01")
    assert value(with_database, "customers_database_statement_timeouts_total") == 0
    database.failed("57014")
    assert value(with_database, "customers_database_statement_timeouts_total") == 1


@pytest.mark.parametrize(("current", "number"), [("0007", 7), (None, 0), ("4f1ac0de", 0)])
def test_the_schema_revision_is_that_of_the_last_check(
    with_database: Metrics, database: DatabaseMetrics, current: str | None, number: int
) -> None:
    assert value(with_database, "customers_schema_revision") == 0
    database.checked_schema("0008", "0008")
    database.checked_schema(current, "0009")
    assert value(with_database, "customers_schema_revision") == number
    assert value(with_database, "customers_schema_revision_needed") == 9


def test_without_a_database_there_are_no_metrics_of_one(metrics: Metrics) -> None:
    text = metrics.render()[0]
    for prefix in (b"customers_pool", b"customers_database", b"customers_schema"):
        assert prefix not in text


def test_the_sweeper_has_the_values_set_last(metrics: Metrics) -> None:
    names = ("leader", "pending_changes", "lag_seconds")
    assert [value(metrics, f"customers_sweeper_{name}") for name in names] == [0, 0, 0]
    metrics.set_sweeper(is_leader=True, pending_changes=3, lag_seconds=0.5)
    assert [value(metrics, f"customers_sweeper_{name}") for name in names] == [1, 3, 0.5]
    metrics.set_sweeper(is_leader=False)
    assert [value(metrics, f"customers_sweeper_{name}") for name in names] == [0, 0, 0]


def test_the_last_success_of_the_sweeper_is_a_moment(metrics: Metrics) -> None:
    name = "customers_sweeper_last_success_timestamp_seconds"
    assert value(metrics, name) == 0
    before = time.time()
    metrics.sweep_succeeded()
    assert before <= (value(metrics, name) or 0) <= time.time()


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
