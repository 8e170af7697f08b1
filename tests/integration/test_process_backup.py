"""The commands `psql`, `backup` and `restore` as processes, on the embedded and another server."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from customers.devtools.server import start as start_server
from tests.support.forked_program import start_command, start_service
from tests.support.patience import wait_until
from tests.support.postgres_servers import end_server
from tests.support.programs import fake_programs
from tests.support.service_process import (
    FREE_PORTS,
    CustomersProcess,
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
)

CUSTOMERS = "/api/v1/customers"
DATA = Path(".local/share/customers")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a user with an embedded server, which is ended after the test."""
    yield tmp_path
    if (tmp_path / DATA / "postgres").exists():
        end_server(tmp_path / DATA / "postgres")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database."""
    folder = tmp_path_factory.mktemp("server")
    yield start_server(folder, durable=False).dsn
    end_server(folder)


def run(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Runs a command; returns its exit code, standard output and standard error."""
    for name in ("out.log", "errors.log"):
        (folder / name).unlink(missing_ok=True)
    with start_command(folder, *arguments, environ=environ) as process:
        return process.exit_code(), process.output, process.errors


def with_programs(folder: Path, url: str) -> dict[str, str]:
    """The environment of a command on the database, with `folder` first on the PATH."""
    return {"DATABASE_URL": url, "PATH": f"{folder}:{os.environ['PATH']}"}


def test_customers_of_the_embedded_server_are_back_after_a_loss(home: Path) -> None:
    with start_service(home, *FREE_PORTS) as service:
        customer_id = _create(service, "Ada")
        assert service.stop() == 0
    assert run(home, "backup", "shop.backup")[0] == 0
    shutil.rmtree(home / DATA)
    status, output, _ = run(home, "restore", "shop.backup")
    assert status == 0
    assert re.match(r"PostgreSQL at \S+, database \w+, role \w+: restored 1 customer from", output)
    with start_service(home, *FREE_PORTS) as service, closing(connect(service)) as connection:
        answer = call(connection, "GET", f"{CUSTOMERS}/{customer_id}")
        assert (answer[0], answer[1]["firstName"]) == (200, "Ada")


def test_the_embedded_server_is_backed_up_while_the_service_runs(home: Path) -> None:
    with start_service(home, *FREE_PORTS) as service:
        _create(service, "Ada")
        status, output, errors = run(home, "backup", "shop.backup")
        assert (status, errors) == (0, "")
        assert re.match(
            r'PostgreSQL at \S+, database \w+, role \w+: backed up to "shop.backup": ', output
        )
        _create(service, "Bob")


def test_psql_runs_on_the_embedded_server_with_its_arguments_and_exit_code(home: Path) -> None:
    assert run(home, "psql", "--", "-Atc", "SELECT 40 + 2")[:2] == (0, "42\n")
    assert run(home, "psql", "--", "-v", "ON_ERROR_STOP=1", "-f", "missing.sql")[0] == 1


def test_psql_gets_the_password_from_the_environment_only(tmp_path: Path, url: str) -> None:
    script = 'echo "$*" > arguments; echo "$PGPASSWORD" > password; exit 7'
    environ = with_programs(fake_programs(tmp_path / "bin", psql=script), url)
    assert run(tmp_path, "psql", "--", "-c", "SELECT 1", environ=environ)[0] == 7
    password = urlsplit(url).password
    without_password = url.replace(f":{password}@", "@")
    assert (tmp_path / "arguments").read_text() == f"--dbname={without_password} -c SELECT 1\n"
    assert (tmp_path / "password").read_text() == f"{password}\n"


def test_ctrl_c_is_left_to_psql(tmp_path: Path, url: str) -> None:
    script = "trap 'exit 5' INT; touch started; while true; do sleep 0.1; done"
    environ = with_programs(fake_programs(tmp_path / "bin", psql=script), url)
    with start_command(tmp_path, "psql", environ=environ) as command:
        wait_until((tmp_path / "started").exists)
        os.killpg(command.process.pid, signal.SIGINT)
        assert command.exit_code() == 5


def test_psql_explains_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": f"postgres://shop@127.0.0.1:{a_free_port()}/x"}
    status, output, errors = run(tmp_path, "psql", environ=environ)
    assert (status, output) == (1, "")
    assert errors.startswith("Error: PostgreSQL at 127.0.0.1:")


def test_in_production_results_and_failures_are_json_lines(tmp_path: Path, url: str) -> None:
    environ = {"ENVIRONMENT": "production", "DATABASE_URL": url}
    run(tmp_path, "migrate", environ=environ)
    status, output, errors = run(tmp_path, "backup", "shop.backup", environ=environ)
    assert (status, errors) == (0, "")
    [line] = map(json.loads, output.splitlines())
    assert (line["file"], line["level"]) == ("shop.backup", "info")
    assert line["size_bytes"] == (tmp_path / "shop.backup").stat().st_size


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_leaves_no_file(
    tmp_path: Path, url: str, number: signal.Signals
) -> None:
    run(tmp_path, "migrate", environ={"DATABASE_URL": url})
    folder = fake_programs(tmp_path / "bin", pg_dump="exec sleep 600")
    environ = with_programs(folder, url)
    with start_command(tmp_path, "backup", "shop.backup", environ=environ) as backup:
        wait_until(lambda: _partial_files(backup) != [])
        assert backup.stop(number) == 130
    assert backup.errors == "Error: interrupted: no backup was written\n"
    assert _partial_files(backup) == []
    assert not (tmp_path / "shop.backup").exists()


@pytest.mark.parametrize("command", [("psql",), ("backup", "f"), ("restore", "f")])
def test_memory_storage_has_no_database(tmp_path: Path, command: tuple[str, ...]) -> None:
    status, _, errors = run(tmp_path, *command, environ={"STORAGE": "memory"})
    assert status == 1
    assert errors == "Error: STORAGE is memory, which has no database: set it to postgres\n"


def _create(service: Service, name: str) -> str:
    """Creates a customer; returns the id."""
    with closing(connect(service)) as connection:
        status, content, _ = call(connection, "POST", CUSTOMERS, a_customer(name))
    assert status == 201, content
    return str(content["id"])


def _partial_files(process: CustomersProcess) -> list[Path]:
    return list(process.folder.glob(".shop.backup.*"))
