"""Each command in the runbook is one that the command line accepts."""

import re
import shlex
from pathlib import Path

import click
import pytest

from customers.entrypoints.cli import main

DOCS = Path(__file__).parents[2] / "docs"
_COMMAND = re.compile(r"^ *(?:\w+=\S+ )?customers (.*)$", re.MULTILINE)


def commands() -> list[str]:
    """What follows `customers` in every block of commands."""
    texts = [page.read_text() for page in sorted((DOCS / "runbook").glob("*.md"))]
    blocks = re.findall(r"```bash\n(.*?)```", "".join(texts), re.DOTALL)
    return [command for block in blocks for command in _COMMAND.findall(block)]


def test_the_runbook_has_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize("text", sorted(set(commands())))
def test_a_command_of_the_runbook_is_accepted(text: str) -> None:
    command: click.Command = main
    arguments = shlex.split(text)
    context = click.Context(main)
    while isinstance(command, click.Group):
        name, subcommand, arguments = command.resolve_command(context, arguments)
        assert subcommand is not None, name
        command = subcommand
    command.make_context("customers", arguments)


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    pages = sorted((DOCS / "runbook").glob("*.md"))
    index = (DOCS / "runbook" / "README.md").read_text()
    assert [page.name for page in pages if f"]({page.name})" not in index] == ["README.md"]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).is_file(), (page.name, link)
