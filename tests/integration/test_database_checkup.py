"""`customers doctor database`: what the server is set to, and what it should be set to."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import TRUSTED
from tests.support.command_databases import a_database, a_role, sql
from tests.support.forked_program import start_command, start_service
from tests.support.patience import wait_until
from tests.support.postgres_servers import start_test_server
from tests.support.service_process import FREE_PORTS, CustomersProcess, a_customer, call, connect

WARNING = "the database is not set up for production: run `customers doctor database`"
LOGGING = ("log_error_verbosity = terse", "log_parameter_max_length = 0")
# What docs/operations.md grants to the role of the service.
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
)


def production(url: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "ENVIRONMENT": "production", **TRUSTED}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The superuser's URL of a migrated database."""
    with a_database(start_test_server()) as url:
        (tmp_path / "migrate").mkdir()
        with start_command(tmp_path / "migrate", "migrate", environ=production(url)) as migration:
            assert migration.exit_code() == 0, migration.errors
        yield url


@pytest.fixture
def limited(database: str) -> Iterator[str]:
    """The URL of the database for a role that can do what the service needs, and logs no values."""
    with a_role(database, *GRANTS) as url:
        role = url.partition("://")[2].partition(":")[0]
        sql(database, *(f"ALTER ROLE {role} SET {setting}" for setting in LOGGING))
        yield url


def checkup(folder: Path, url: str) -> tuple[int, list[dict[str, Any]]]:
    """Runs the command in production; returns its exit code and its lines."""
    with start_command(folder, "doctor", "database", environ=production(url)) as command:
        code = command.exit_code()
    assert command.errors == ""
    return code, [json.loads(line) for line in command.output.splitlines()]


def statuses(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["check"]: line["status"] for line in lines if "check" in line}


def test_a_superuser_on_a_server_with_default_settings_is_off(
    tmp_path: Path, database: str
) -> None:
    code, lines = checkup(tmp_path, database)
    by_name = {line["check"]: line for line in lines[:-1]}
    assert (code, lines[-1]["checks"], lines[-1]["off"]) == (1, len(by_name), 5)
    assert {name for name, status in statuses(lines).items() if status == "off"} == {
        *("log_error_verbosity", "log_parameter_max_length"),
        *("role_superuser", "role_bypassrls", "role_ddl"),
    }
    verbosity = by_name["log_error_verbosity"]
    assert (verbosity["actual"], verbosity["expected"]) == ("default", "terse")
    assert "ALTER SYSTEM SET log_error_verbosity = 'terse'" in verbosity["event"]
    assert by_name["tls"]["actual"] == "off, on this machine"


def test_a_role_that_can_only_serve_is_fine_and_serves(tmp_path: Path, limited: str) -> None:
    code, lines = checkup(tmp_path, limited)
    assert (code, "off" in statuses(lines).values()) == (0, False)
    with start_service(tmp_path, *FREE_PORTS, environ=production(limited)) as service:
        with closing(connect(service)) as connection:
            assert call(connection, "POST", "/api/v1/customers", a_customer("Ann"))[0] == 201
        assert service.stop() == 0
    assert WARNING not in service.output


def test_advice_is_given_and_is_no_failure(tmp_path: Path, database: str, limited: str) -> None:
    before = statuses(checkup(tmp_path, limited)[1])
    sql(database, "ALTER TABLE customers SET (autovacuum_vacuum_scale_factor = 0.01)")
    sql(database, "ALTER TABLE customer_orders SET (autovacuum_enabled = false)")
    (tmp_path / "after").mkdir()
    code, lines = checkup(tmp_path / "after", limited)
    after, actual = statuses(lines), {line.get("check"): line.get("actual") for line in lines}
    assert (before["autovacuum_of_customers"], after["autovacuum_of_customers"]) == ("advice", "ok")
    assert (code, after["autovacuum_of_customer_orders"]) == (0, "advice")
    assert actual["autovacuum_of_customer_orders"] == "off"
    assert (after["max_wal_size"], actual["max_wal_size"]) == ("advice", "1GB")


def test_in_development_each_check_is_a_line_for_people(tmp_path: Path, database: str) -> None:
    environ = {"DATABASE_URL": database}
    with start_command(tmp_path, "doctor", "database", environ=environ) as command:
        assert command.exit_code() == 1
    first, *_, last = command.output.splitlines()
    assert first.startswith("off     log_error_verbosity is default, and should be terse: ")
    assert ": 5 off, " in last


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_in_production_warns_once_and_names_the_command(
    tmp_path: Path, database: str, workers: str
) -> None:
    options = ("--workers", workers, *FREE_PORTS)
    with start_service(tmp_path, *options, environ=production(database)) as service:
        wait_until(lambda: WARNING in service.output)
        assert service.stop() == 0
    [line] = warnings(service)
    assert line["off"] == [
        *("log_error_verbosity", "log_parameter_max_length"),
        *("role_superuser", "role_bypassrls", "role_ddl"),
    ]


def warnings(service: CustomersProcess) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in service.output.splitlines()]
    return [line for line in lines if line["event"] == WARNING]


def test_a_service_in_development_does_not_warn(tmp_path: Path, database: str) -> None:
    with start_service(tmp_path, *FREE_PORTS, environ={"DATABASE_URL": database}) as service:
        assert service.stop() == 0
    assert WARNING not in service.output
