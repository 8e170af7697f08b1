"""docs/faults.md lists every kind of fault, with the words of the service."""

import re

from tests.support.documents import ROOT, text_of

ENGINE = ROOT / "src/customers/adapters/postgres/engine"
SOURCES = [
    ENGINE / f"{name}.py"
    for name in ("faults", "deployment", "migrate", "migration_checks", "pool")
]
# Kinds are the first text of a description, or an argument.
KIND = re.compile(r'(?:kind=|\(\s*|return )"([a-z]+(?:_[a-z]+)*)",')


def kinds() -> set[str]:
    return {kind for path in SOURCES for kind in KIND.findall(path.read_text(encoding="utf-8"))}


def test_the_sources_name_the_kinds_of_faults() -> None:
    assert {"not_migrated", "wrong_currency", "pool_exhausted", "no_answer"} <= kinds()
    assert len(kinds()) >= 30


def documented_kinds() -> set[str]:
    """The kinds in the first column of the tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text_of(ROOT / "docs/faults.md"), re.MULTILINE)
    return {kind for cell in cells for kind in re.findall(r"`([a-z_]+)`", cell)}


def test_exactly_these_kinds_are_documented() -> None:
    assert documented_kinds() == kinds()
