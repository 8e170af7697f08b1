"""The commands `customers erasures export` and `customers erasures apply`."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
from attrs import frozen

from customers.core.errors import CustomerNotFound
from customers.core.services.erasure import Erasures
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import database
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.opened_parts import opened_parts
from customers.entrypoints.process.persistent_database import persistent_database
from customers.entrypoints.process.signals import stop_on_signals

_INTERRUPTED = 130
_REPORT_SECONDS = 5.0


class NotErasures(Exception):
    """A file is not a list of erasures; the message names the line."""


class ErasureLine(msgspec.Struct, rename="camel", frozen=True):
    """A line of the file: the erased customer and their tenant. Other keys are ignored."""

    tenant_id: str
    customer_id: UUID


@frozen(kw_only=True)
class Applied:
    """How many customers of the file were erased now, erased earlier, or unknown here."""

    erased: int = 0
    already: int = 0
    unknown: int = 0


async def export(settings: Settings, file: Path, output: Output, *, force: bool) -> None:
    """Writes the receipts of all erasures, then prints their number."""
    async with persistent_database(settings) as dsn:
        number = await database.export_erasures(dsn, file, force=force)
    output.info(
        f"exported {_counted(number, 'erasure')} to {json.dumps(str(file))}.",
        file=str(file),
        erasures=number,
    )


async def apply(settings: Settings, file: Path, output: Output) -> None:
    """Erases the customers in the file again, and prints how many. May be repeated."""
    async with stop_on_signals() as stop, persistent_database(settings) as dsn:
        total = sum(1 for _ in _lines(file))  # reads the whole file, to check it before any erasure
        async with opened_parts(settings, dsn) as parts:
            applied = await _apply(parts.erasures(), file, total)
    if stop.is_requested:
        output.error("interrupted: run the command again to erase the others")
        sys.exit(_INTERRUPTED)
    output.info(
        f"{_counted(total, 'erasure')} in {json.dumps(str(file))}: {applied.erased:,} erased now, "
        f"{applied.already:,} were erased already, {applied.unknown:,} unknown in this database. "
        "Run `customers maintain` next.",
        file=str(file),
        erased=applied.erased,
        already_erased=applied.already,
        unknown=applied.unknown,
    )


async def _apply(erasures: Erasures, file: Path, total: int) -> Applied:
    counts, report_at = Counter[str](), time.monotonic() + _REPORT_SECONDS
    for line in _lines(file):
        counts[await _erase(erasures, line)] += 1
        if time.monotonic() >= report_at:
            logger().info("erasing again", done=counts.total(), total=total)
            report_at = time.monotonic() + _REPORT_SECONDS
    return Applied(**counts)


async def _erase(erasures: Erasures, line: ErasureLine) -> str:
    """The field of Applied that counts the outcome."""
    try:
        is_new = await erasures.erase_again(line.tenant_id, line.customer_id)
    except CustomerNotFound:
        return "unknown"
    return "erased" if is_new else "already"


def _lines(file: Path) -> Iterator[ErasureLine]:
    """The lines of the file. Raises NotErasures, and OSError."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                place = f"line {number:,} of {json.dumps(str(file))}"
                raise NotErasures(f"{place} is not an erasure: {_REMEDY}") from None


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_DECODER = msgspec.json.Decoder(ErasureLine)
_REMEDY = "use a file that `customers erasures export` has written"
