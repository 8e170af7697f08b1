"""docs/metrics.md is the committed page about the metrics that are served."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.observability.metrics_page import page, rows

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
LABELS = {
    "class",
    "code",
    "generation",
    "kind",
    "method",
    "outcome",
    "reason",
    "resource",
    "route",
    "state",
    "status",
}
OF_THE_PROGRAM = {
    "implementation",
    "major",
    "minor",
    "patchlevel",
    "python",
    "transport",
    "version",
}

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux has /proc")


@pytest.fixture(scope="module")
def container() -> Container:
    """The parts of a service on PostgreSQL, with all its metrics; it connects to nothing."""
    container = Container(settings=Settings(), dsn="postgres://localhost/nothing")
    container.metrics()
    return container


@pytest.fixture(scope="module")
def registry(container: Container) -> CollectorRegistry:
    return container.metrics_registry()


def test_the_committed_page_is_that_of_the_served_metrics(registry: CollectorRegistry) -> None:
    assert page(registry) == PAGE.read_text(encoding="utf-8"), "run `make metrics-docs`"


def test_every_rendered_metric_has_a_row(container: Container, registry: CollectorRegistry) -> None:
    text = container.metrics().render()[0].decode()
    rendered = {
        re.sub(r"_(bucket|sum|count)$", "", sample.name)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert rendered <= {row.name for row in rows(registry)}
    assert len(rendered) > 20


def test_every_metric_of_an_alert_exists(registry: CollectorRegistry) -> None:
    alerts = PAGE.read_text(encoding="utf-8").partition("```promql")[2].partition("```")[0]
    names = set(re.findall(r"customers_\w+", alerts))
    assert names
    assert names <= {row.name for row in rows(registry)}


def test_labels_are_known_names_none_of_which_is_a_tenant_path_or_id(
    registry: CollectorRegistry,
) -> None:
    assert {label for row in rows(registry) for label in row.labels} == LABELS | OF_THE_PROGRAM


def test_every_metric_is_explained_by_a_sentence(registry: CollectorRegistry) -> None:
    for row in rows(registry):
        assert re.fullmatch(r"[A-Z0-9][^|\n]+\.", row.meaning), row.name


def test_a_metric_of_no_group_is_refused() -> None:
    registry = CollectorRegistry()
    Gauge("stray_metric", "A stray one.", registry=registry)
    with pytest.raises(LookupError, match="stray_metric"):
        page(registry)
