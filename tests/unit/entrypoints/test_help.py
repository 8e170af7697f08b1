"""Help texts are whole sentences, in every command."""

import re
from collections.abc import Iterator

import click
import pytest

from customers.entrypoints.cli import main

# What a help text may end with after its last sentence: `[env: PORT; default: 8089]`.
_DETAILS = re.compile(r"  \[.*\]$", re.DOTALL)
_SENTENCE = re.compile(r"([A-Z]\S*|\d+) \S.*\.", re.DOTALL)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command and those below it, by their whole name, without the hidden ones."""
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from commands(child, f"{path} {name}")


COMMANDS = dict(commands(main, "customers"))


def options(command: click.Command) -> list[click.Option]:
    """The options of a command, including those that click adds."""
    params = command.get_params(click.Context(command, **main.context_settings))
    return [param for param in params if isinstance(param, click.Option)]


def test_the_walk_finds_every_command() -> None:
    assert {"customers serve", "customers settings", "customers doctor segments"} <= COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_a_command_is_whole_sentences(path: str) -> None:
    for paragraph in (COMMANDS[path].help or "no help").split("\n\n"):
        assert _SENTENCE.fullmatch(paragraph.strip()), paragraph


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_each_option_is_whole_sentences(path: str) -> None:
    for option in options(COMMANDS[path]):
        assert _SENTENCE.fullmatch(_DETAILS.sub("", option.help or "")), option.name


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != "customers"])
def test_the_line_of_a_command_in_the_list_is_a_whole_sentence(path: str) -> None:
    line = COMMANDS[path].get_short_help_str(limit=200)
    assert _SENTENCE.fullmatch(line), line


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_a_command_names_each_of_its_arguments(path: str) -> None:
    command = COMMANDS[path]
    for param in command.params:
        if isinstance(param, click.Argument):
            [name] = re.findall("[A-Z]+", param.metavar or param.human_readable_name)
            assert name in (command.help or "")
