"""docs/faults.md explains every kind of fault, and no other, in the words of the service."""

import re
from typing import get_args

import asyncpg
import pytest

from customers.adapters.postgres.engine.faults import fault_of
from customers.adapters.postgres.engine.requirements import schema_fault, server_fault
from customers.adapters.postgres.engine.revisions import needed
from customers.core.errors.availability import FaultKind, StorageFault
from tests.support.documents import ROOT, text_of

STATES = (
    "22023 25006 28000 28P01 3D000 3F000 42501 42704 42P01 42703 53100 53200 53300 55000 55P03 "
    "57014 57P03 58P01"
).split()
# States whose kind is that of their class, or the kind of all others.
OTHER_STATES = "08006 28001 40001 40P01 53400 57P01 58030 XX000".split()


def documented_kinds() -> set[str]:
    """The kinds in the first column of the tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text_of(ROOT / "docs/faults.md"), re.MULTILINE)
    return {kind for cell in cells for kind in re.findall(r"`([a-z_]+)`", cell)}


def rows_of(kind: str) -> str:
    """The rows of the tables that explain a kind."""
    lines = text_of(ROOT / "docs/faults.md").splitlines()
    return "\n".join(line for line in lines if line.startswith("| `") and f"`{kind}`" in line)


def error_of(sqlstate: str) -> asyncpg.PostgresError:
    """The driver's error for an SQLSTATE of the server."""
    fields = {"S": "ERROR", "C": sqlstate, "M": "the details"}
    return asyncpg.PostgresError.new(fields)


def test_every_kind_of_fault_is_documented() -> None:
    assert documented_kinds() == set(get_args(FaultKind))


@pytest.mark.parametrize("sqlstate", STATES)
def test_a_state_has_a_kind_and_a_remedy_that_are_documented(sqlstate: str) -> None:
    fault = fault_of(error_of(sqlstate))
    assert fault.sqlstate == sqlstate
    assert fault.kind != "failure"
    assert fault.remedy in rows_of(fault.kind)


@pytest.mark.parametrize("sqlstate", OTHER_STATES)
def test_any_other_state_has_a_documented_kind(sqlstate: str) -> None:
    assert rows_of(fault_of(error_of(sqlstate)).kind)


@pytest.mark.parametrize(
    "fault",
    [
        server_fault(14, "UTF8"),
        server_fault(18, "LATIN1"),
        schema_fault(None),
        schema_fault("0007"),
    ],
)
def test_a_fault_of_a_database_is_quoted(fault: StorageFault | None) -> None:
    assert fault is not None
    cause = fault.cause.replace(f"needs {needed()}", "needs 00NN")
    assert f"{cause}: {fault.remedy}" in rows_of(fault.kind)
