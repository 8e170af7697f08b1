"""The targets, and whether they are met. Ratios compare values of one run."""

from collections.abc import Iterator, Mapping

from attrs import frozen

from benchmarks.footprint import MANY_CUSTOMERS, Growth, Share
from benchmarks.measurement import Measurement
from benchmarks.operations import SORTS

MEGABYTE = 1024 * 1024


@frozen(kw_only=True)
class Verdict:
    """A value and its limit, which is an upper limit, or with `at_least` a lower limit."""

    target: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@frozen(kw_only=True)
class Footprint:
    start_seconds: float
    memory_start_seconds: float
    max_bytes: int
    growth: Growth
    customers: int
    customers_bytes: int
    share: Share


def of_operations(results: Mapping[str, Measurement]) -> Iterator[Verdict]:
    """The verdicts on the measured operations."""
    yield from _of_reads(results)
    yield from _of_orders(results)
    for result in results.values():
        if result.operation.is_flat:
            yield Verdict(
                target=f"{result.operation.name}: CPU, large tenant to small",
                value=result.large_to_small,
                limit=2,
            )
    for sort in SORTS:
        first, deep = (results.get(f"list by {sort}, {kind} cursor") for kind in ("first", "deep"))
        if first and deep:
            yield Verdict(
                target=f"list by {sort}: CPU, cursor page 1,000 to page 1",
                value=deep.large.total_us / first.large.total_us,
                limit=1.2,
            )


def _of_reads(results: Mapping[str, Measurement]) -> Iterator[Verdict]:
    if read := results.get("get by id"):
        yield Verdict(target="get by id: service CPU to bare handler", value=read.to_bare, limit=5)
        if alone := read.statement:
            yield Verdict(
                target="get by id: PostgreSQL CPU to the statement alone",
                value=read.large.database_us / alone.database_us,
                limit=1.5,
            )
    for name, measured in results.items():
        has_hits = name in ("search, a whole e-mail", "search, three letters, rare")
        if has_hits or name == "list by created_at, page 1":
            yield Verdict(
                target=f"{name}: service CPU to bare handler", value=measured.to_bare, limit=10
            )


def _of_orders(results: Mapping[str, Measurement]) -> Iterator[Verdict]:
    if order := results.get("record-order"):
        yield Verdict(
            target="record-order: service CPU to bare handler", value=order.to_bare, limit=6
        )
        yield from _throughput(order, 0.3)
    if hot := results.get("record-order, one customer"):
        yield from _throughput(hot, 0.5)
        yield Verdict(target="record-order, one customer: errors", value=_failures(hot), limit=0)
        yield Verdict(target="record-order, one customer: lost", value=hot.lost or 0, limit=0)


def _throughput(measured: Measurement, limit: float) -> Iterator[Verdict]:
    if alone := measured.statement:
        yield Verdict(
            target=f"{measured.operation.name}: throughput to pgbench's",
            value=measured.large.per_second / alone.per_second,
            limit=limit,
            at_least=True,
        )


def _failures(measured: Measurement) -> int:
    return sum(spent.failures for spent in measured.costs.values())


def of_footprint(footprint: Footprint) -> Iterator[Verdict]:
    customers_bytes = footprint.customers_bytes * MANY_CUSTOMERS / footprint.customers
    growth = footprint.growth.after - footprint.growth.before
    share = footprint.share
    yield Verdict(
        target="two workers to one, where cores are free: requests",
        value=share.two_per_second / share.one_per_second,
        limit=1.7,
        at_least=True,
    )
    yield Verdict(
        target="start on a migrated database: seconds", value=footprint.start_seconds, limit=1.5
    )
    yield Verdict(target="start in memory: seconds", value=footprint.memory_start_seconds, limit=1)
    yield Verdict(target="memory under load: MB", value=footprint.max_bytes / MEGABYTE, limit=150)
    yield Verdict(
        target=f"growth over {footprint.growth.requests:,} requests: MB",
        value=growth / MEGABYTE,
        limit=5,
    )
    yield Verdict(
        target=f"{MANY_CUSTOMERS:,} customers in memory: MB",
        value=customers_bytes / MEGABYTE,
        limit=400,
    )
