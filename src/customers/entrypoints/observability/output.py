"""What a command prints: sentences for a terminal, JSON objects where JSON is logged.

An event is a whole sentence; `values` repeat what a program wants of it. In text only the sentence
is printed.
"""

import sys
from typing import TextIO

from attrs import frozen

from customers.entrypoints.observability.logs import json_line


@frozen
class Output:
    """Prints lines of a command; `as_json` in production, where every line is a JSON object."""

    as_json: bool

    def info(self, event: str, **values: object) -> None:
        """Prints a result on standard output."""
        self._print(sys.stdout, "info", event, event, values)

    def error(self, event: str, *, prefix: str = "Error: ", **values: object) -> None:
        """Prints a failure on standard error. The prefix is for people only."""
        self._print(sys.stderr, "error", event, f"{prefix}{event}", values)

    def _print(
        self, stream: TextIO, level: str, event: str, text: str, values: dict[str, object]
    ) -> None:
        print(json_line(level, event, values) if self.as_json else text, file=stream, flush=True)
