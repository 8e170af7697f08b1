"""What a serving process says of a database that it cannot use: at start, in the log, in probes."""

from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from customers.adapters.postgres.engine.revisions import needed
from tests.support import postgres_servers
from tests.support.command_databases import a_database, a_role, sql, with_path
from tests.support.fake_postgres import Refusal, refusing_server
from tests.support.forked_program import start_command, start_service
from tests.support.patience import wait_until
from tests.support.production_process import another, get, lines, migrate, production
from tests.support.service_process import (
    FREE_PORTS,
    CustomersProcess,
    Service,
    a_customer,
    a_free_port,
    call,
    connect,
)

UNKNOWN = f"/api/v1/customers/{UUID(int=7)}"


@pytest.fixture(scope="module")
def server() -> str:
    return postgres_servers.start_test_server()


def message(service: Service, path: str) -> str:
    """The message of a failing probe."""
    return str(get(service, path)[1]["message"])


def name_of(url: str) -> str:
    """The name of the database."""
    return urlsplit(url).path[1:]


def causes(process: CustomersProcess) -> list[str]:
    events = [line["event"] for line in lines(process)]
    return [event for event in events if event.startswith("storage unavailable: ")]


def test_a_wrong_password_is_in_the_probes_and_in_the_log(tmp_path: Path, server: str) -> None:
    url = server.replace("postgres:", "postgres:hunter2")
    cause = "the password is wrong, or the role does not exist; the server says "
    with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
        (health_status, health), (status, ready) = get(service, "/health"), get(service, "/ready")
        assert (health_status, health["database"], status) == (503, "down", 503)
        assert cause in health["message"]
        assert "(SQLSTATE 28P01)" in ready["message"]
        assert "hunter2" not in f"{health}{ready}{service.output}{service.errors}"
        assert get(service, UNKNOWN)[1]["message"].startswith("the storage is not available")
        assert cause in causes(service)[0]
        ready_command = start_command(tmp_path, "ready", "--url", service.http)
        with ready_command as command:
            assert command.exit_code() == 1
        assert "/ready answered 503: PostgreSQL at " in command.errors
        assert "(SQLSTATE 28P01)" in command.errors


def test_a_cause_is_logged_at_most_once_a_second(tmp_path: Path) -> None:
    url = f"postgres://app@127.0.0.1:{a_free_port()}/shop"
    with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
        for _ in range(200):
            assert get(service, UNKNOWN)[0] == 503
        stamps = [
            line["timestamp"]
            for line in lines(service)
            if line["event"].startswith("storage unavailable: ")
        ]
    assert len({stamp[:19] for stamp in stamps}) >= len(stamps) - 1


def test_an_empty_database_says_how_to_migrate_it(tmp_path: Path, server: str) -> None:
    with (
        a_database(server) as url,
        start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service,
    ):
        status, health = get(service, "/health")
        assert (status, health["database"]) == (503, "up")
        assert health["schema"] == {"is": None, "needs": needed()}
        assert health["message"].endswith("never migrated: run `customers migrate`")
        assert health["message"] in causes(service)[0]


def test_an_older_schema_says_what_it_is_and_what_is_needed(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(tmp_path, url, "--to", "0007")
        with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
            status, health = get(service, "/health")
            assert (status, health["database"]) == (503, "up")
            assert health["schema"] == {"is": "0007", "needs": needed()}
            migrate(tmp_path, url)
            wait_until(lambda: get(service, "/ready")[0] == 200)
            assert get(service, "/health")[1]["schema"]["is"] >= needed()


def test_a_newer_schema_is_served(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(tmp_path, url)
        sql(url, "UPDATE alembic_version SET version_num = '9999'")
        with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
            status, health = get(service, "/health")
            assert (status, health["schema"]) == (200, {"is": "9999", "needs": needed()})
            assert get(service, UNKNOWN)[0] == 404


def test_a_database_in_another_currency_is_not_served_when_it_comes_back(
    tmp_path: Path, server: str
) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url)
        sql(url, "INSERT INTO deployment (\"only\", currency) VALUES (true, 'JPY')")
        sql(server, f"ALTER DATABASE {name_of(url)} ALLOW_CONNECTIONS false")
        with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
            assert "the database does not accept connections" in message(service, "/ready")
            sql(server, f"ALTER DATABASE {name_of(url)} ALLOW_CONNECTIONS true")
            wait_until(lambda: "CURRENCY is USD" in message(service, "/ready"))
            with closing(connect(service)) as connection:
                status = call(connection, "POST", "/api/v1/customers", a_customer("Ann"))[0]
            assert status == 503


def test_an_outdated_schema_is_not_served(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url, "--to", "0007")
        with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
            assert get(service, "/api/v1/customers")[0] == 503


def test_a_read_only_database_is_unhealthy_and_serves_reads(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url)
        environ = production(f"{url}?default_transaction_read_only=on")
        with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
            status, health = get(service, "/health")
            assert (status, health["database"], get(service, "/ready")[0]) == (503, "up", 200)
            assert "the server is read-only" in health["message"]
            assert get(service, "/api/v1/customers")[0] == 200


def test_a_silent_database_is_named_in_the_probes(tmp_path: Path) -> None:
    with refusing_server(Refusal(silent=True)) as port:
        url = f"postgres://app@127.0.0.1:{port}/shop"
        environ = production(url, POOL_TIMEOUT="1", REQUEST_TIMEOUT="1")
        with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
            problem = message(service, "/ready")
    assert problem.startswith(f"PostgreSQL at 127.0.0.1:{port}, database shop, role app: no answer")


def test_no_stack_is_logged_when_a_served_database_goes_away(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url)
        with start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service:
            assert get(service, UNKNOWN)[0] == 404
            sql(server, f"DROP DATABASE {name_of(url)} WITH (FORCE)")
            wait_until(lambda: "the database does not exist" in message(service, "/health"))
            assert service.stop() == 0
        assert [line for line in lines(service) if "exception" in line] == []
        sql(server, f"CREATE DATABASE {name_of(url)}")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("CREATE TABLE customers (id int)", "has tables of another program: customers"),
        ("CREATE SCHEMA other; DROP SCHEMA public", "no schema of the search_path exists"),
    ],
)
def test_a_database_of_others_ends_the_start_in_production(
    tmp_path: Path, server: str, statement: str, sentence: str
) -> None:
    with a_database(server) as url:
        sql(url, *statement.split("; "))
        with start_command(tmp_path, "serve", *FREE_PORTS, environ=production(url)) as service:
            assert service.exit_code() == 1
    [error] = [line for line in lines(service) if line["level"] == "error"]
    assert sentence in error["event"]
    assert error["fault"] in ("foreign_tables", "no_schema")


def test_a_development_start_says_why_it_cannot_migrate(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        environ = {"DATABASE_URL": f"{url}?default_transaction_read_only=on"}
        with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
            wait_until(lambda: "cannot migrate yet" in service.output)
            assert "the server is read-only" in service.output


def test_a_role_that_may_not_read_the_tables(tmp_path: Path, server: str) -> None:
    with a_database(server) as url, a_role(url) as other:
        migrate(another(tmp_path), url)
        with start_service(tmp_path, *FREE_PORTS, environ=production(other)) as service:
            assert get(service, UNKNOWN)[0] == 503
            assert "the role lacks a permission; the server says " in causes(service)[0]
            assert "(SQLSTATE 42501): grant it to the role" in message(service, "/health")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"CURRENCY": "JPY"}, "stores its amounts in USD and CURRENCY is JPY: set CURRENCY to USD"),
        ({"HOST": "nowhere.invalid"}, "HOST: nowhere.invalid cannot be resolved"),
    ],
)
def test_a_start_that_waiting_does_not_help_is_one_line(
    tmp_path: Path, server: str, environ: dict[str, str], sentence: str
) -> None:
    with a_database(server) as url:
        with start_service(tmp_path, *FREE_PORTS, environ={"DATABASE_URL": url}):
            pass
        folder = another(tmp_path)
        with start_command(
            folder, "serve", *FREE_PORTS, environ=production(url, **environ)
        ) as service:
            assert service.exit_code() == 1
        [error] = [line for line in lines(service) if line["level"] == "error"]
        assert sentence in error["event"]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("setting", ["PORT", "RPC_PORT"])
def test_a_port_in_use_is_one_line(tmp_path: Path, server: str, setting: str, workers: str) -> None:
    with a_database(server) as url:
        with start_service(tmp_path, *FREE_PORTS, environ={"DATABASE_URL": url}) as service:
            taken = urlsplit(service.http if setting == "PORT" else f"//{service.grpc}").port
            ports = {"PORT": "0", "RPC_PORT": "0", setting: str(taken), "WORKERS": workers}
            folder = another(tmp_path)
            with start_command(folder, "serve", environ=production(url, **ports)) as other:
                assert other.exit_code() == 1
        [error] = [line for line in lines(other) if line["level"] == "error"]
        assert f":{taken}: address already in use: set another {setting}, or" in error["event"]


def test_tables_of_another_program_prevent_the_start_in_development(
    tmp_path: Path, server: str
) -> None:
    with a_database(server) as url:
        sql(url, "CREATE TABLE customers (id int)")
        environ = {"DATABASE_URL": url}
        with start_command(tmp_path, "serve", *FREE_PORTS, environ=environ) as service:
            assert service.exit_code() == 1
    assert 'the schema "public" has tables of another program: customers' in service.errors
    assert service.errors.count("\n") == 1


def test_the_doctor_says_why_it_cannot_check(tmp_path: Path, server: str) -> None:
    url = with_path(server, "nowhere")
    with start_command(tmp_path, "doctor", "segments", environ=production(url)) as doctor:
        assert doctor.exit_code() == 1
    assert "the database does not exist" in doctor.errors
    assert [line["level"] for line in lines(doctor)].count("error") == 1
