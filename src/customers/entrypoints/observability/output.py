"""Prints the output of commands: sentences for a terminal, JSON objects in production.

An event is a whole sentence. `values` repeat parts of it for programs, and are only printed in
JSON.
"""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from attrs import frozen

from customers.entrypoints.observability.logs import json_line


@frozen
class Output:
    """Prints lines of a command; `as_json` in production, where every line is a JSON object."""

    as_json: bool

    def info(self, event: str, **values: object) -> None:
        """Prints a result on standard output."""
        self._print(sys.stdout, "info", event, event, values)

    def show(self, event: str, **values: object) -> None:
        """Prints like `info`, but does not redact the values, which are JSON values: for what an
        operator has requested, such as a new key.
        """
        line = json.loads(json_line("info", event, {})) | values if self.as_json else {}
        self._write(sys.stdout, json.dumps(line) if self.as_json else event)

    def error(self, event: str, *, prefix: str = "Error: ", **values: object) -> None:
        """Prints a failure on standard error; as JSON, without the prefix."""
        self._print(sys.stderr, "error", event, f"{prefix}{event}", values)

    def _print(
        self, stream: TextIO, level: str, event: str, text: str, values: dict[str, object]
    ) -> None:
        self._write(stream, json_line(level, event, values) if self.as_json else text)

    def _write(self, stream: TextIO, line: str) -> None:
        try:
            print(line, file=stream, flush=True)
        except OSError as error:
            if stream is sys.stdout:
                self.exit_unprinted(error)

    def exit_unprinted(self, error: OSError) -> NoReturn:
        """Exits with 1 because standard output cannot be written, and prints this error unless the
        reader has closed the pipe.
        """
        _discard_unprinted()
        if not isinstance(error, BrokenPipeError):
            cause = (error.strerror or str(error)).lower()
            self.error(f"standard output cannot be written: {cause}")
        sys.exit(1)


def _discard_unprinted() -> None:
    """Discards what could not be written, which Python would try to write again when it exits."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
