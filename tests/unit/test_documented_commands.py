"""The commands that documents name exist, and CONTRIBUTING.md lists those of the Makefile."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from customers.entrypoints.cli import main
from tests.support.documents import ROOT, code, documents, name_of, text_of

EVERY_DOCUMENT = pytest.mark.parametrize("document", documents(), ids=name_of)


def targets() -> set[str]:
    """The commands that `make help` lists."""
    result = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(re.findall(r"^ +make ([a-z-]+) ", result.stdout, re.MULTILINE))


def commands(group: click.Group) -> set[str]:
    return {name for name, command in group.commands.items() if not command.hidden}


def test_contributing_lists_every_command_of_the_makefile() -> None:
    rows = re.findall(r"^\| `make ([a-z-]+)` \|", text_of(ROOT / "CONTRIBUTING.md"), re.MULTILINE)
    assert sorted(rows) == sorted(targets())


@EVERY_DOCUMENT
def test_every_make_command_exists(document: Path) -> None:
    named = re.findall(r"^make(?: [A-Z]+=\S+)* ([a-z-]+)", code(text_of(document)), re.MULTILINE)
    assert set(named) <= targets()


@EVERY_DOCUMENT
def test_every_command_of_the_service_exists(document: Path) -> None:
    pattern = r"^(?:\S*/)?customers ([a-z]+)(?: |$)"
    named = re.findall(pattern, code(text_of(document)), re.MULTILINE)
    assert set(named) <= commands(main)
