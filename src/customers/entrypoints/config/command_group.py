"""The group of all commands, which prints usage errors in the format of all other output."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from customers.entrypoints.config.settings import Settings

if TYPE_CHECKING:
    from customers.entrypoints.observability.output import Output

_OPTION = "--environment"


class NotForPeople(click.ClickException):
    """A person ran a command that only the program itself runs; its usage is not shown."""

    exit_code = 2


class CommandGroup(click.Group):
    """In production, a usage error is one JSON object; otherwise click explains the usage.

    If standard output cannot be written, the command exits with 1.
    """

    def main(self, args: Sequence[str] | None = None, *others: Any, **kwargs: Any) -> Any:
        arguments = sys.argv[1:] if args is None else args
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(args, *others, **kwargs) or 0)
        except click.Abort:
            sys.exit(130)
        except click.ClickException as error:
            _show(error, _output(arguments))
            sys.exit(error.exit_code)
        except OSError as error:
            if error.filename is not None:  # of a file, not of standard output
                raise
            _output(arguments).exit_unprinted(error)


def _show(error: click.ClickException, output: "Output") -> None:
    if output.as_json:
        output.error(error.format_message())
    else:
        error.show()


def _output(arguments: Sequence[str]) -> "Output":
    """The output: JSON if an argument or variable names production, even if others are wrong."""
    from customers.entrypoints.observability.output import Output  # noqa: PLC0415 - rare

    return Output(as_json=Settings.is_production({"environment": _environment(arguments)}))


def _environment(arguments: Sequence[str]) -> str | None:
    """The value of `--environment`, or None; arguments after `--` are for another program."""
    value, previous = None, ""
    for argument in arguments:
        if previous == _OPTION:
            value = argument
        elif argument == "--":
            break
        elif argument.startswith(f"{_OPTION}="):
            value = argument.removeprefix(f"{_OPTION}=")
        previous = argument
    return value
