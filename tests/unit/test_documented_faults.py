"""docs/faults.md explains every kind of fault, and no other."""

import re
from typing import get_args

from customers.core.errors import FaultKind
from tests.support.documents import ROOT, text_of


def documented_kinds() -> set[str]:
    """The kinds in the first column of the tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text_of(ROOT / "docs/faults.md"), re.MULTILINE)
    return {kind for cell in cells for kind in re.findall(r"`([a-z_]+)`", cell)}


def test_every_kind_of_fault_is_documented() -> None:
    assert documented_kinds() == set(get_args(FaultKind))
