"""Row-level security as an operator meets it: the start in production, and the commands."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.support import postgres_servers
from tests.support.command_databases import a_database, a_role, sql
from tests.support.forked_program import start_command, start_service
from tests.support.production_process import another, get, lines, migrate, production
from tests.support.service_process import FREE_PORTS, a_customer, call, connect

UNKNOWN = UUID(int=7)


@pytest.fixture(scope="module")
def server() -> str:
    return postgres_servers.start_test_server()


def role_of(url: str) -> str:
    return urlsplit(url).username or ""


def secured(url: str) -> dict[str, str]:
    """Settings of production with row security, which is the default there."""
    return {name: value for name, value in production(url).items() if name != "ROW_SECURITY"}


@contextmanager
def a_service_role(folder: Path, server: str) -> Iterator[tuple[str, str]]:
    """The URLs of a migrated database for its owner, and for a role that has been prepared."""
    with a_database(server) as owner, a_role(owner) as service:
        migrate(folder, owner, "--service-role", role_of(service))
        yield owner, service


def test_production_does_not_start_as_who_owns_the_tables(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url)
        with start_command(tmp_path, "serve", *FREE_PORTS, environ=secured(url)) as service:
            assert service.exit_code() == 1
        [error] = [line for line in lines(service) if line["level"] == "error"]
        assert error["fault"] == "no_row_security"
        assert "`customers migrate --service-role NAME`" in error["event"]
        assert "or set ROW_SECURITY=off" in error["event"]


def test_a_prepared_role_needs_row_security(tmp_path: Path, server: str) -> None:
    with a_service_role(another(tmp_path), server) as (_, url):
        with start_command(tmp_path, "serve", *FREE_PORTS, environ=production(url)) as service:
            assert service.exit_code() == 1
        [error] = [line for line in lines(service) if line["level"] == "error"]
        assert error["fault"] == "row_security_needed"
        assert error["event"].endswith("with ROW_SECURITY=off: set ROW_SECURITY=on")


def test_production_serves_as_a_prepared_role(tmp_path: Path, server: str) -> None:
    with a_service_role(another(tmp_path), server) as (_, url):
        environ = secured(url)
        with start_service(tmp_path, *FREE_PORTS, environ=environ) as service:
            with closing(connect(service)) as connection:
                status, body, _ = call(connection, "POST", "/api/v1/customers", a_customer("ada"))
            assert status == 201
            assert get(service, f"/api/v1/customers/{body['id']}")[0] == 200
            assert "let the owner of the tables run `customers maintain`" in service.output


def test_the_commands_of_a_prepared_role(tmp_path: Path, server: str) -> None:
    with a_service_role(another(tmp_path), server) as (_, url):
        environ = secured(url)
        with start_command(tmp_path, "doctor", "segments", environ=environ) as doctor:
            assert doctor.exit_code() == 0, doctor.errors
        erased = {"tenantId": "shop", "customerId": str(UNKNOWN)}
        (tmp_path / "erasures.jsonl").write_text(json.dumps(erased) + "\n")
        apply = ("erasures", "apply", "erasures.jsonl")
        with start_command(tmp_path, *apply, environ=environ) as applying:
            assert applying.exit_code() == 0, applying.errors
        for command in (("maintain",), ("erasures", "export", "new.jsonl")):
            with start_command(tmp_path, *command, environ=environ) as refused:
                assert refused.exit_code() == 1
            assert "use the role that owns the tables" in refused.errors


def test_the_commands_of_the_owner(tmp_path: Path, server: str) -> None:
    create = ("keys", "create", "--tenant", "shop", "--permissions", "orders:record")
    with a_service_role(another(tmp_path), server) as (url, _):
        for command in (create, ("keys", "list", "--tenant", "shop"), ("doctor", "segments")):
            with start_command(tmp_path, *command, environ=secured(url)) as process:
                assert process.exit_code() == 0, process.errors
        with start_command(tmp_path, "keys", "list", environ=secured(url)) as listing:
            assert listing.exit_code() == 0, listing.errors
            assert "shop" in listing.output  # a service role sees the keys of all tenants


def test_until_a_role_is_prepared_others_see_what_they_saw(tmp_path: Path, server: str) -> None:
    grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    with a_database(server) as owner:
        migrate(another(tmp_path), owner)
        with (
            a_role(owner, grant) as url,
            start_service(tmp_path, *FREE_PORTS, environ=production(url)) as service,
            closing(connect(service)) as connection,
        ):
            _, body, _ = call(connection, "POST", "/api/v1/customers", a_customer("ada"))
            assert get(service, f"/api/v1/customers/{body['id']}")[0] == 200


def test_a_role_is_prepared_as_often_as_one_likes(tmp_path: Path, server: str) -> None:
    with a_service_role(tmp_path, server) as (owner, url):
        sql(owner, f"GRANT ALL ON customers TO {role_of(url)}")
        migrate(tmp_path, owner, "--service-role", role_of(url))
        with pytest.raises(Exception, match="permission denied"):
            sql(url, "TRUNCATE customers CASCADE")


@pytest.mark.parametrize(
    ("options", "grants", "sentence"),
    [
        ("SUPERUSER", (), "which is a superuser, has BYPASSRLS or is a member"),
        ("BYPASSRLS", (), "which is a superuser, has BYPASSRLS or is a member"),
        ("", ("ALTER TABLE customer_notes OWNER TO {role}",), "which owns the tables"),
    ],
)
def test_a_role_without_policies_is_not_prepared(
    tmp_path: Path, server: str, options: str, grants: tuple[str, ...], sentence: str
) -> None:
    with a_database(server) as url:
        migrate(another(tmp_path), url)
        with a_role(url, options=options) as other:
            sql(url, *(grant.format(role=role_of(other)) for grant in grants))
            assert sentence in _refusal(tmp_path, url, role_of(other))
            if grants:
                sql(url, "ALTER TABLE customer_notes OWNER TO CURRENT_USER")


def test_an_unknown_role_is_not_prepared(tmp_path: Path, server: str) -> None:
    with a_database(server) as url:
        assert 'there is no role "nobody": create it first' in _refusal(tmp_path, url, "nobody")


def _refusal(folder: Path, url: str, role: str) -> str:
    arguments = ("migrate", "--service-role", role)
    with start_command(folder, *arguments, environ={"DATABASE_URL": url}) as command:
        assert command.exit_code() == 1
    return command.errors
