"""The command line: help, version, and starts that fail on invalid settings."""

import json
from importlib.metadata import version

import pytest
from click.testing import CliRunner, Result

from customers.entrypoints.cli import main
from customers.entrypoints.config.settings import catalogue
from tests.support.access import TRUSTED

COMMANDS = "serve migrate ready settings psql backup restore maintain".split()
ARGUMENTS = {"backup": ["file"], "restore": ["file"]}


def run(*arguments: str, **environ: str) -> Result:
    unset = {setting.variable: None for setting in catalogue() if setting.variable}
    return CliRunner().invoke(main, arguments, env={**unset, **environ}, terminal_width=200)


def events(result: Result) -> list[str]:
    """The sentences on standard error of a command in production, which prints JSON lines."""
    return [json.loads(line)["event"] for line in result.stderr.splitlines()]


def test_the_version_is_the_version_of_the_package() -> None:
    result = run("--version")
    assert (result.exit_code, result.output) == (
        0,
        f"customers, version {version('customers-service')}\n",
    )


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_public_command(option: str) -> None:
    result = run(option)
    assert result.exit_code == 0
    lines = result.output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == sorted(
        ["access", "doctor", "erasures", "keys", "openapi", *COMMANDS]
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {command} [OPTIONS]")


def test_the_help_of_the_doctor_lists_its_checks() -> None:
    result = run("doctor", "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: main doctor [OPTIONS] COMMAND [ARGS]...")
    lines = result.output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == ["database", "segments"]


def test_the_help_of_the_segment_doctor_explains_the_tenant_option() -> None:
    result = run("doctor", "segments", "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: main doctor segments [OPTIONS]")
    assert "--tenant TEXT" in result.output
    assert "It exits with 1 if there is a difference." in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_an_invalid_setting_stops_every_command_with_a_sentence(command: str) -> None:
    result = run(command, *ARGUMENTS.get(command, []), PORT="80x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == 'PORT: "80x" is not a port: a whole number from 0 to 65535.\n'


@pytest.mark.parametrize(
    ("options", "environ", "sentence"),
    [
        (("--log-level", "loud"), {}, '--log-level: "loud" is not a log level: '),
        ((), {"DATABASE_URL": "mysql://shop:hunter2@db/d"}, "DATABASE_URL: the value is not "),
    ],
)
def test_an_invalid_setting_stops_the_segment_doctor_with_a_sentence(
    options: tuple[str, ...], environ: dict[str, str], sentence: str
) -> None:
    result = run("doctor", "segments", *options, **environ)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_production_does_not_start_without_a_database() -> None:
    result = run("serve", ENVIRONMENT="production", **TRUSTED)
    assert result.exit_code == 2
    [event] = events(result)
    assert event.startswith("DATABASE_URL: production requires the URL of a database")


def test_production_does_not_start_in_memory() -> None:
    result = run(
        "serve",
        "--storage",
        "memory",
        ENVIRONMENT="production",
        DATABASE_URL="postgres://h/d",
        **TRUSTED,
    )
    assert result.exit_code == 2
    assert events(result) == ["--storage: memory is not allowed in production: use postgres."]


def test_migrate_prints_either_its_status_or_its_sql() -> None:
    result = run("migrate", "--status", "--sql")
    assert result.exit_code == 2
    assert "--status and --sql exclude each other" in result.stderr


@pytest.mark.parametrize("other", ["--status", "--sql", "--to=0019"])
def test_a_role_is_prepared_by_a_whole_migration(other: str) -> None:
    result = run("migrate", "--service-role", "customers", other)
    assert result.exit_code == 2
    assert "--service-role excludes --status, --sql and --to" in result.stderr


def test_an_unknown_option_is_an_error() -> None:
    result = run("serve", "--prot", "1")
    assert result.exit_code == 2
    assert "Error: No such option" in result.stderr


@pytest.mark.parametrize("arguments", [("serve", "--prot", "1"), ("nonsense",), ("doctor", "x")])
def test_in_production_a_usage_error_is_one_json_object(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, ENVIRONMENT="production")
    assert (result.exit_code, result.stdout) == (2, "")
    [event] = events(result)
    assert event.startswith("No such ")


@pytest.mark.parametrize("option", [("--environment", "production"), ("--environment=PRODUCTION",)])
def test_a_usage_error_is_a_json_object_if_an_option_names_production(
    option: tuple[str, ...],
) -> None:
    result = run("ready", *option, "--nosuch", ENVIRONMENT="development")
    assert (result.exit_code, result.stdout) == (2, "")
    [event] = events(result)
    assert event.startswith("No such option")


@pytest.mark.parametrize(
    "options",
    [
        ("--environment", "development", "--nosuch"),
        ("--nosuch", "--", "--environment", "production"),
        ("--nosuch", "--environment"),
    ],
)
def test_a_usage_error_is_text_if_no_option_names_production(options: tuple[str, ...]) -> None:
    result = run("psql", *options)
    assert result.exit_code == 2
    assert "Error: No such option" in result.stderr


def test_a_url_without_a_scheme_is_an_error() -> None:
    result = run("ready", "--url", "nowhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "nowhere: a URL must begin with http:// or https://\n"


@pytest.mark.parametrize(
    ("host", "url_host"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")],
)
def test_ready_calls_the_address_of_the_settings(host: str, url_host: str) -> None:
    result = run("ready", HOST=host, PORT="1")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"http://{url_host}:1/ready did not answer")


def test_ready_needs_no_other_settings_than_its_own() -> None:
    result = run("ready", ENVIRONMENT="production", PORT="1", WORKERS="none", RPC_PORT="1")
    assert result.exit_code == 1
    [event] = events(result)
    assert event.startswith("http://127.0.0.1:1/ready did not answer: ")


def test_the_openapi_document_is_printed_as_json_and_as_yaml() -> None:
    as_json, as_yaml = run("openapi"), run("openapi", "--yaml")
    assert json.loads(as_json.output)["openapi"] == "3.1.0"
    assert as_yaml.output.startswith("openapi: 3.1.0\n")
