"""What an operator reads if the database cannot be used: what was tried, why it failed, what to do.

Each fault is a line of `customers migrate`, which exits with 1. What `serve` and the probes say of
the same faults is in test_process_faults.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import asyncpg
import certifi
import pytest
from click.testing import CliRunner, Result

from customers.adapters.postgres.engine import migrate as migrations
from customers.adapters.postgres.engine.revisions import expanded, head
from customers.entrypoints.cli import main
from customers.entrypoints.config.settings import catalogue
from tests.support import postgres_servers
from tests.support.command_databases import a_database, a_role, sql, with_path
from tests.support.databases import rows
from tests.support.fake_postgres import CERTIFICATE, Refusal, refusing_server
from tests.support.service_process import a_free_port


def run(*arguments: str, **environ: str) -> Result:
    unset = {setting.variable: None for setting in catalogue() if setting.variable}
    return CliRunner().invoke(main, arguments, env={**unset, **environ})


def failure(url: str, *arguments: str) -> str:
    """The one line on standard error of a migration that fails."""
    result = run("migrate", *arguments, DATABASE_URL=url, LOG_LEVEL="warning")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "hunter2" not in result.stderr
    [line] = result.stderr.splitlines()
    return line


async def run_script(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    for statement in "\n".join(lines).split(";\n"):  # together they would be one transaction
        if statement.strip():
            await connection.execute(statement)
    await connection.close()


@pytest.fixture(scope="module")
def server() -> str:
    return postgres_servers.start_test_server()


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The URL of an empty database, as its superuser."""
    with a_database(server) as url:
        yield url


def at(port: int, query: str = "") -> str:
    return f"postgres://app:hunter2@127.0.0.1:{port}/shop{query}"


def place(url: str) -> str:
    parts = urlsplit(url)
    name, role = parts.path.lstrip("/"), parts.username
    return f"Error: PostgreSQL at {parts.hostname}:{parts.port}, database {name}, role {role}: "


def test_a_wrong_password(database: str) -> None:
    url = database.replace("postgres:", "postgres:wrong")
    assert failure(url) == (
        f"{place(url)}the password is wrong, or the role does not exist; the server says "
        '"password authentication failed for user "postgres"" (SQLSTATE 28P01): '
        "correct the role and the password in DATABASE_URL"
    )


def test_a_role_that_does_not_exist(database: str) -> None:
    url = database.replace("://postgres:", "://nobody:")
    line = failure(url)
    assert line.startswith(f"{place(url)}the password is wrong, or the role does not exist; ")
    assert line.endswith("correct the role and the password in DATABASE_URL")


def test_a_database_that_does_not_exist(server: str) -> None:
    url = with_path(server, "nowhere")
    assert failure(url) == (
        f'{place(url)}the database does not exist; the server says "database "nowhere" does not '
        'exist" (SQLSTATE 3D000): create it with CREATE DATABASE, or correct its name in '
        "DATABASE_URL"
    )


def test_a_host_that_does_not_exist() -> None:
    url = "postgres://app:hunter2@nowhere.invalid:5432/shop"
    assert failure(url) == (
        f"{place(url)}the host name cannot be resolved: "
        "correct the host and the port in DATABASE_URL"
    )


def test_a_port_where_no_server_listens() -> None:
    url = at(a_free_port())
    assert failure(url) == (
        f"{place(url)}no server listens there (connection refused): "
        "start PostgreSQL, or correct the host and the port in DATABASE_URL"
    )


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "CONNECT_SECONDS", 0.2)
    with refusing_server(Refusal(silent=True)) as port:
        assert failure(at(port)) == (
            f"{place(at(port))}no answer in time: correct the host and the port in DATABASE_URL, "
            "or let the firewall pass the connection"
        )


def test_tls_that_the_server_does_not_offer(database: str) -> None:
    assert failure(f"{database}?sslmode=require") == (
        f"{place(database)}sslmode requires TLS, which the server does not offer: "
        "turn ssl on at the server, or set sslmode=prefer in DATABASE_URL"
    )


def test_tls_that_the_server_requires() -> None:
    text = 'no pg_hba.conf entry for host "127.0.0.1", user "app", database "shop", no encryption'
    with refusing_server(Refusal(message=text)) as port:
        assert failure(at(port, "?sslmode=disable")) == (
            f"{place(at(port))}the server rejects this connection; the server says "
            f'"{text}" (SQLSTATE 28000): allow the role in pg_hba.conf, or correct the role and '
            "sslmode in DATABASE_URL"
        )


def test_a_certificate_that_is_not_trusted() -> None:
    with refusing_server(Refusal(offers_tls=True)) as port:
        url = at(port, "?sslmode=verify-full&sslrootcert=system")
        line = failure(at(port, f"?sslmode=verify-ca&sslrootcert={a_bundle()}"))
    assert line.startswith(f"{place(url)}the certificate of the server is not trusted (")
    assert line.endswith("name the certificate authority with sslrootcert=… in DATABASE_URL")


def a_bundle() -> str:
    """The certificates of other authorities."""
    return certifi.where()


def test_a_trusted_certificate_is_no_fault_of_the_certificate() -> None:
    with refusing_server(Refusal(offers_tls=True, message="no")) as port:
        line = failure(at(port, f"?sslmode=verify-ca&sslrootcert={CERTIFICATE}"))
    assert 'the server says "no" (SQLSTATE 28000)' in line


def test_a_url_with_an_unknown_sslmode() -> None:
    line = failure(at(5432, "?sslmode=sometimes"))
    assert line.startswith(f"{place(at(5432))}DATABASE_URL cannot be used (")
    assert "sslmode" in line


@pytest.mark.parametrize("parameter", ["foo=bar", "statement_timeout=abc"])
def test_a_url_with_a_bad_parameter_of_the_server(database: str, parameter: str) -> None:
    line = failure(f"{database}?{parameter}")
    assert line.startswith(f"{place(database)}a parameter in DATABASE_URL ")
    assert line.endswith("correct the part of DATABASE_URL after the question mark")


def test_a_database_that_accepts_no_connections(server: str, database: str) -> None:
    name = urlsplit(database).path[1:]
    sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    line = failure(database)
    assert line.startswith(f"{place(database)}the database does not accept connections; ")


def test_several_rows_of_revisions(database: str) -> None:
    assert run("migrate", DATABASE_URL=database).exit_code == 0
    sql(database, "INSERT INTO alembic_version VALUES ('0001')")
    assert "its table alembic_version has several rows" in failure(database)


def test_the_time_out_of_a_role_does_not_end_a_migration(database: str) -> None:
    sql(database, f"ALTER DATABASE {urlsplit(database).path[1:]} SET statement_timeout = '1ms'")
    assert run("migrate", DATABASE_URL=database).exit_code == 0


def test_no_sql_is_printed_when_there_is_nothing_to_do(database: str) -> None:
    run("migrate", DATABASE_URL=database)
    assert run("migrate", "--sql", DATABASE_URL=database).stdout == ""
    sql(database, "UPDATE alembic_version SET version_num = '9999'")
    result = run("migrate", "--sql", DATABASE_URL=database)
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_role_without_rights_on_the_schema(database: str) -> None:
    with a_role(database) as url:
        assert failure(url) == (
            f'{place(url)}the role may not create tables in the schema "public": migrate as the '
            'owner of the database, or GRANT CREATE, USAGE ON SCHEMA "public" to the role'
        )


def test_an_extension_that_the_role_may_not_create(database: str) -> None:
    with a_role(database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as url:
        assert failure(url) == (
            f"{place(url)}the role may not create the extension pg_trgm, btree_gin: let a "
            "superuser run CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; in this database"
        )


def test_tables_of_another_program(database: str) -> None:
    sql(database, "CREATE TABLE customers (id int)", "INSERT INTO customers VALUES (1)")
    assert failure(database) == (
        f'{place(database)}the schema "public" has tables of another program: customers: use an '
        "empty database, or an empty schema with search_path in DATABASE_URL"
    )
    assert len(asyncio.run(rows(database, "SELECT * FROM customers"))) == 1


def test_an_index_of_another_program(database: str) -> None:
    sql(database, "CREATE TABLE other (id int)", "CREATE INDEX customer_notes_pkey ON other (id)")
    line = failure(database)
    assert line.startswith(f"{place(database)}a table, index or type that is not ours has a name")


def test_revisions_of_another_program(database: str) -> None:
    sql(
        database,
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('c0ffee')",
    )
    assert failure(database) == (
        f'{place(database)}its schema is of another program: the revision "c0ffee" is unknown: '
        "use another database, or another schema with search_path in DATABASE_URL"
    )


def test_a_search_path_without_a_schema(database: str) -> None:
    line = failure(f"{database}?search_path=nowhere")
    assert line.startswith(f"{place(database)}no schema of the search_path exists: create")


def test_too_many_connections(database: str) -> None:
    with a_role(database, options="CONNECTION LIMIT 0") as url:
        line = failure(url)
    assert line.startswith(f"{place(url)}the server accepts no more connections; ")
    assert "(SQLSTATE 53300): lower POOL_SIZE or WORKERS" in line


def test_a_read_only_server(database: str) -> None:
    line = failure(f"{database}?default_transaction_read_only=on")
    assert line.startswith(f"{place(database)}the server is read-only; ")
    assert "(SQLSTATE 25006): point DATABASE_URL to the primary" in line


@pytest.mark.parametrize(
    ("sqlstate", "cause"),
    [
        ("53100", "the disk of the server is full"),
        ("53200", "the server is out of memory"),
        ("57P03", "the server is starting up or shutting down"),
        ("57P01", "the server ended the connection"),
    ],
)
def test_a_server_in_trouble(sqlstate: str, cause: str) -> None:
    with refusing_server(Refusal(sqlstate=sqlstate, message="the details")) as port:
        line = failure(at(port))
    assert line.startswith(
        f'{place(at(port))}{cause}; the server says "the details" (SQLSTATE {sqlstate}): '
    )


def test_a_disk_that_fills_up_during_a_migration(database: str) -> None:
    sql(
        database,
        "CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$",
        "CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('CREATE TABLE') "
        "EXECUTE FUNCTION fail()",
    )
    assert failure(database).startswith(f"{place(database)}the disk of the server is full; ")


def test_an_encoding_without_all_characters(server: str) -> None:
    with a_database(server, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0") as url:
        assert failure(url) == (
            f"{place(url)}the encoding of the database is LATIN1, and texts need UTF8: create a "
            "database WITH ENCODING 'UTF8' TEMPLATE template0, and use it"
        )


def test_in_production_a_failure_is_one_json_object(server: str) -> None:
    url = with_path(server, "nowhere")
    result = run("migrate", DATABASE_URL=url, ENVIRONMENT="production")
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = map(json.loads, result.stderr.splitlines())
    assert (line["level"], line["fault"], line["sqlstate"]) == ("error", "no_database", "3D000")
    assert line["event"].startswith(place(url).removeprefix("Error: "))


def test_a_schema_of_a_newer_release_is_left_as_it_is(database: str) -> None:
    assert run("migrate", DATABASE_URL=database).exit_code == 0
    sql(database, "UPDATE alembic_version SET version_num = '9999'")
    result = run("migrate", DATABASE_URL=database)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].endswith(
        "the schema is at revision 9999, of a newer release; it was left as it is: a program "
        "serves on the schema of the next release"
    )


def test_the_status_names_the_revisions_that_the_database_lacks(database: str) -> None:
    assert run("migrate", "--to", "0006", DATABASE_URL=database).exit_code == 0
    result = run("migrate", "--status", DATABASE_URL=database, ENVIRONMENT="production")
    status, *pending = map(json.loads, result.stdout.splitlines())
    assert (status["current"], status["newest"]) == ("0006", head())
    assert [line["revision"] for line in pending] == status["pending"]
    assert status["pending"][:2] == ["0007", "0008"]


def test_what_the_release_before_needs_is_only_removed_on_demand(database: str) -> None:
    run("migrate", "--to", "0020", DATABASE_URL=database)
    assert run("migrate", DATABASE_URL=database).stdout.endswith(f"from 0020 to {expanded()}\n")
    *_, last = run("migrate", "--status", DATABASE_URL=database).stdout.splitlines()
    assert last.startswith(f"pending: {head()} ")
    assert last.endswith(" (with --contract)")
    contracted = run("migrate", "--contract", DATABASE_URL=database)
    assert contracted.stdout.endswith(f"from {expanded()} to {head()}\n")
    assert run("migrate", DATABASE_URL=database).stdout.endswith(f"{head()}, nothing to do\n")


def test_an_empty_database_needs_nothing_of_the_release_before(database: str) -> None:
    assert run("migrate", DATABASE_URL=database).stdout.endswith(f"empty database to {head()}\n")


@pytest.mark.parametrize("option", [("--status",), ("--to", "0022")])
def test_a_contract_excludes_other_options(option: Sequence[str]) -> None:
    result = run("migrate", "--contract", *option, DATABASE_URL="postgres://nobody@127.0.0.1:1/x")
    assert result.exit_code == 2
    assert "--contract excludes --status and --to" in result.stderr


def test_an_older_revision_needs_the_consent_to_lose_data(database: str) -> None:
    run("migrate", DATABASE_URL=database)
    assert "drops what later revisions added" in failure(database, "--to", "0007")
    result = run("migrate", "--to", "0007", "--allow-data-loss", DATABASE_URL=database)
    assert result.exit_code == 0
    assert (
        run("migrate", DATABASE_URL=database)
        .stdout.splitlines()[-1]
        .endswith(f"migrated from 0007 to {expanded()}")
    )


def test_a_target_that_is_no_revision(database: str) -> None:
    assert failure(database, "--to", "42").startswith(
        'Error: "42" is not a revision of this program: use one of 0001, 0002, '
    )


def test_the_printed_sql_migrates_a_database(database: str) -> None:
    run("migrate", "--to", "0007", DATABASE_URL=database)
    printed = run("migrate", "--sql", DATABASE_URL=database)
    assert (printed.exit_code, printed.stderr) == (0, "")
    asyncio.run(run_script(database, printed.stdout))
    assert run("migrate", DATABASE_URL=database).stdout.endswith(
        f"the schema is at revision {expanded()}, nothing to do\n"
    )
