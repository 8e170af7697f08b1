"""Reads single samples of metrics."""

from prometheus_client.parser import text_string_to_metric_families

from customers.entrypoints.observability.metrics import Metrics


def value(source: Metrics | str, name: str, **labels: str) -> float | None:
    """The value of a sample, in metrics or in their text; None if it does not exist."""
    text = source if isinstance(source, str) else source.render()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None
