"""What the README promises of the image, tried without Docker.

Its environment has HOST=0.0.0.0, see Dockerfile.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.access import TRUSTED
from tests.support.databases import an_empty_database
from tests.support.documents import ROOT
from tests.support.namespaces import in_namespace, needs_mounts
from tests.support.patience import wait_until
from tests.support.postgres_servers import start_test_server
from tests.support.service_process import (
    COMMAND,
    FREE_PORTS,
    MEMORY,
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
    get_status,
    start_command,
    start_service,
)

CUSTOMERS = "/api/v1/customers"
WARNING = (
    "callers are not authenticated: whoever reaches these ports can read and change "
    "the customers of every tenant; set AUTH to change that"
)
# As in `docker run --read-only --tmpfs /tmp`; the last line proves it. The checkout itself may be
# in /tmp.
READ_ONLY = f"""
mount --bind {ROOT} /mnt
mount -o remount,bind,ro /mnt
mount -o remount,bind,ro /
mount -t tmpfs none /tmp
mkdir -p {ROOT}
mount --bind /mnt {ROOT}
! touch /written {ROOT}/written 2>/dev/null || exit 9
"""


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """The URL of an empty database."""
    server = await asyncio.to_thread(start_test_server)
    async with an_empty_database(server) as url:
        yield url


def test_the_documented_command_serves_and_warns_in_one_line(database: str, tmp_path: Path) -> None:
    environ = {"HOST": "0.0.0.0", "DATABASE_URL": database}
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        with closing(connect(service)) as connection:
            assert call(connection, "POST", CUSTOMERS, a_customer("Ann"))[0] == 201
        assert service.stop() == 0
    [line] = _warnings(service)
    assert WARNING in line


def test_production_authenticates_callers_and_has_nothing_to_warn_of(tmp_path: Path) -> None:
    environ = {
        "HOST": "0.0.0.0",
        "ENVIRONMENT": "production",
        "DATABASE_URL": f"postgres://nobody@127.0.0.1:{a_free_port()}/none",
        **TRUSTED,
    }
    with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
        assert service.stop() == 0
    assert _warnings(service) == []


def test_a_service_that_only_this_machine_reaches_says_so(tmp_path: Path) -> None:
    with start_service(tmp_path, *MEMORY) as service:
        assert service.stop() == 0
    assert "serving" in service.output
    [line] = _warnings(service)
    assert "whatever runs on this machine can read and change the customers" in line


@needs_mounts
def test_several_workers_need_no_writable_folder_but_tmp(database: str, tmp_path: Path) -> None:
    port = a_free_port()
    environ = {"DATABASE_URL": database, "WORKERS": "2", "PORT": str(port), "RPC_PORT": "0"}
    if subprocess.run(in_namespace(READ_ONLY, "true"), check=False, capture_output=True).returncode:
        pytest.skip("this machine cannot mount its file system read-only")
    command = in_namespace(READ_ONLY, *COMMAND)
    with start_command(tmp_path, "serve", command=command, environ=environ) as started:
        service = Service(
            process=started.process,
            folder=tmp_path,
            http=f"http://127.0.0.1:{port}",
            grpc="",
            pid=started.process.pid,
            storage="postgres",
        )
        wait_until(
            lambda: get_status(service, "/ready") == 200 or service.process.poll() is not None
        )
        assert (get_status(service, "/metrics"), service.errors) == (200, "")
        assert service.stop() == 0


def _warnings(service: Service) -> list[str]:
    """The lines that warn that callers are not authenticated."""
    return [line for line in service.output.splitlines() if "not authenticated" in line]
