"""PostgreSQL's client programs: which are chosen, how they get the password, how they fail."""

from pathlib import Path

import pytest

from customers.adapters.postgres.programs.client_programs import (
    ClientPrograms,
    Installation,
    ProgramsMissing,
    choose,
    find_programs,
)
from customers.adapters.postgres.programs.libpq_url import LibpqUrl
from customers.adapters.postgres.programs.program_errors import first_error, server_error

WHEEL = ClientPrograms(folder=Path("/wheel"), major=18, has_tls=False)
ON_PATH = ClientPrograms(folder=Path("/usr/bin"), major=15, has_tls=True)


def missing(*candidates: ClientPrograms, server: int = 0, needs_tls: bool = False) -> str:
    with pytest.raises(ProgramsMissing) as raised:
        choose(candidates, server=server, needs_tls=needs_tls)
    return str(raised.value)


def test_the_newest_programs_are_chosen() -> None:
    assert choose([WHEEL, ON_PATH], server=15) == WHEEL


def test_programs_with_tls_are_chosen_where_the_connection_uses_it() -> None:
    assert choose([WHEEL, ON_PATH], server=15, needs_tls=True) == ON_PATH


def test_without_programs_the_error_says_what_to_install() -> None:
    assert missing().startswith("PostgreSQL's programs psql, pg_dump and pg_restore were not found")
    assert "install the client programs of PostgreSQL" in missing()


def test_programs_older_than_the_server_are_refused() -> None:
    assert missing(ON_PATH, server=17).startswith(
        "the programs here are older than the server, PostgreSQL 17 (15 in /usr/bin): "
        "install the client programs of PostgreSQL 17 or later"
    )


def test_programs_without_tls_are_refused_where_the_connection_uses_it() -> None:
    error = missing(WHEEL, ON_PATH, server=16, needs_tls=True)
    assert error.startswith("the connection uses TLS, and PostgreSQL's programs in /wheel do not")


async def test_a_folder_without_all_three_programs_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "psql").touch()
    installation = Installation(wheel=tmp_path, environ={"PATH": str(tmp_path)})
    assert await find_programs(installation) == []


@pytest.mark.parametrize(
    ("dsn", "url", "password"),
    [
        ("postgresql://shop:p%40ss@db:5432/x", "postgresql://shop@db:5432/x", "p@ss"),
        ("postgresql://shop:a@b@db/x", "postgresql://shop@db/x", "a@b"),
        ("postgresql://shop@h1:1,h2:2/x", "postgresql://shop@h1:1,h2:2/x", None),
        ("postgresql:///x?password=s", "postgresql:///x", "s"),
        ("postgresql://db/x?ssl=require", "postgresql://db/x?sslmode=require", None),
        (
            "postgresql://db/x?search_path=a, b",
            "postgresql://db/x?options=-c%20search_path%3Da%2C%5C%20b",
            None,
        ),
        ("postgresql://db/x?pgbouncer=true", "postgresql://db/x", None),
    ],
)
def test_the_password_is_in_the_environment_and_not_in_the_url(
    dsn: str, url: str, password: str | None
) -> None:
    libpq = LibpqUrl.of(dsn)
    assert libpq.url == url
    assert libpq.variables == ({} if password is None else {"PGPASSWORD": password})


def test_the_error_of_a_program_is_its_first_sentence_and_what_the_server_said() -> None:
    errors = (
        'pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.\n'
        "pg_dump: detail: Error message from server: ERROR:  permission denied for table t\n"
        "pg_dump: detail: Command was: COPY public.t (id) TO stdout;\n"
    )
    assert first_error(errors) == (
        'Dumping the contents of table "t" failed: PQgetResult() failed: '
        "permission denied for table t"
    )
    assert first_error("") == "it gave no reason"


def test_the_error_of_a_script_is_its_last_message_without_details() -> None:
    errors = (
        'psql:<stdin>:5: NOTICE:  42710: extension "pg_trgm" already exists, skipping\n'
        'psql:<stdin>:90: ERROR:  23505: duplicate key value violates "customers_pkey"\n'
        "DETAIL:  Key (email)=(ann@example.test) already exists.\n"
        "CONTEXT:  COPY customers, line 3\n"
    )
    assert server_error(errors) == ("23505", 'duplicate key value violates "customers_pkey"')


def test_an_invalid_value_is_not_repeated() -> None:
    errors = 'psql:<stdin>:9: ERROR:  22P02: invalid input syntax for type uuid: "ann@example.test"'
    assert server_error(errors) == ("22P02", "a value is invalid")
