"""Counts the rows of bulk upserts by outcome."""

from collections.abc import Mapping
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

UpsertResult = Literal["created", "updated", "unchanged", "failed"]

_UPSERTS = ("customers_upserts", "Total number of rows of bulk upserts, by outcome.")


class UpsertMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        upserts = Counter(*_UPSERTS, ("outcome",), registry=registry)
        # rate() needs the zero before the first row
        self._upserts = {result: upserts.labels(result) for result in get_args(UpsertResult)}

    def count(self, numbers: Mapping[UpsertResult, int]) -> None:
        for result, number in numbers.items():
            self._upserts[result].inc(number)
