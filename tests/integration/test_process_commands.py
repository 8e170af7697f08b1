"""Commands as processes: what they do when they cannot write, or are not meant to be run."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.access import TRUSTED
from tests.support.patience import PATIENCE_SECONDS
from tests.support.service_process import COMMAND, MEMORY, start_command

TO_A_FULL_DISK = ("sh", "-c", 'exec "$0" "$@" >/dev/full', *COMMAND)
PRODUCTION = {"ENVIRONMENT": "production", "DATABASE_URL": "postgres://db/shop", **TRUSTED}
CANNOT_PRINT = "standard output cannot be written: no space left on device"


@pytest.mark.parametrize("options", [(), ("--status",), ("--sql",)])
def test_the_memory_storage_cannot_be_migrated(options: tuple[str, ...], tmp_path: Path) -> None:
    environ = {"STORAGE": "memory"}
    with start_command(tmp_path, "migrate", *options, environ=environ) as command:
        assert (command.exit_code(), command.output) == (1, "")
    assert command.errors == (
        "Error: STORAGE is memory, which has no database: set it to postgres\n"
    )


def test_serve_exits_at_once_if_it_cannot_write_its_ready_file(tmp_path: Path) -> None:
    with start_command(tmp_path, "serve", *MEMORY, "--ready-file", str(tmp_path)) as command:
        assert (command.exit_code(), command.output) == (1, "")
    assert command.errors == (
        f"Error: --ready-file: {tmp_path} cannot be written (is a directory): "
        "name a file in a folder that the service may write\n"
    )


@pytest.mark.parametrize("arguments", [("settings",), ("openapi",), ("--help",), ("--version",)])
def test_output_that_cannot_be_written_is_one_line(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with start_command(tmp_path, *arguments, command=TO_A_FULL_DISK) as command:
        assert command.exit_code() == 1
    assert command.errors == f"Error: {CANNOT_PRINT}\n"


@pytest.mark.parametrize("arguments", [("settings",), ("openapi",)])
def test_output_that_cannot_be_written_is_one_json_object_in_production(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with start_command(tmp_path, *arguments, command=TO_A_FULL_DISK, environ=PRODUCTION) as command:
        assert command.exit_code() == 1
    [line] = command.errors.splitlines()
    assert json.loads(line)["event"] == CANNOT_PRINT


@pytest.mark.parametrize("arguments", [("settings",), ("openapi",), ("--help",)])
def test_a_reader_that_closes_the_pipe_ends_the_command_quietly(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = subprocess.run(
            [*COMMAND, *arguments],
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.parametrize("redirection", ["</dev/null", "<&-"])
def test_the_worker_command_is_not_for_people(redirection: str, tmp_path: Path) -> None:
    by_hand = ("sh", "-c", f'exec "$0" "$@" {redirection}', *COMMAND)
    with start_command(tmp_path, "worker", command=by_hand) as command:
        assert (command.exit_code(), command.output) == (2, "")
    assert command.errors == "Error: `customers serve` starts the workers: run it instead\n"
