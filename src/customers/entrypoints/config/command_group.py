"""The group of all commands: errors in how a command is called are lines like all others."""

import sys
from typing import Any

import click

from customers.entrypoints.config.settings import Settings


class CommandGroup(click.Group):
    """In production, a usage error is one JSON object; otherwise click explains the usage."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.Abort:
            sys.exit(130)
        except click.ClickException as error:
            from customers.entrypoints.observability.output import Output  # noqa: PLC0415 - rare

            if Settings.is_production({}):
                Output(as_json=True).error(error.format_message())
            else:
                error.show()
            sys.exit(error.exit_code)
