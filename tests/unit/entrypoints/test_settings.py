"""Settings: how they are parsed, validated and shown, and their command-line options."""

from pathlib import Path

import click
import grpc
import pytest
from click.testing import CliRunner, Result

from customers.entrypoints.config.options import takes_settings
from customers.entrypoints.config.setting_types import without_passwords
from customers.entrypoints.config.settings import Settings, SettingsError, catalogue
from customers.entrypoints.grpc.generated.customers_pb2 import CancelOrderRequest
from tests.support.access import TRUSTED
from tests.support.memory_service import memory_service

DATABASE = "postgres://shop:hunter2@db:5432/customers"


def load(environ: dict[str, str] | None = None, **options: object) -> Settings:
    return Settings.load(environ or {}, options)


def sentences(environ: dict[str, str] | None = None, **options: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(environ, **options)
    return raised.value.sentences


def run(command: click.Command, arguments: list[str], environ: dict[str, str]) -> Result:
    unset = {setting.variable: None for setting in catalogue() if setting.variable}
    return CliRunner().invoke(command, arguments, env={**unset, **environ}, terminal_width=400)


@click.command()
@takes_settings()
def show(settings: Settings) -> None:
    click.echo(f"port {settings.port}, database {settings.database_url}")


def test_the_defaults_suit_a_development_machine() -> None:
    settings = load()
    assert (settings.port, settings.rpc_port, settings.host) == (8089, 9089, "127.0.0.1")
    assert (settings.environment, settings.storage) == ("development", "postgres")
    assert (settings.workers, settings.currency, settings.log_level) == (1, "USD", "info")
    assert (settings.database_url, settings.ready_file) == (None, None)


def test_an_option_takes_precedence_over_the_environment() -> None:
    assert load({"PORT": "1000", "RPC_PORT": "1001"}, port="2000").port == 2000


def test_a_blank_text_counts_as_missing() -> None:
    assert load({"PORT": "", "DATABASE_URL": " ", "WORKERS": "\r"}, port="") == load()


def test_white_space_around_a_text_is_ignored() -> None:
    assert load({"PORT": " 1000\r"}).port == 1000


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 1.0), ("0", 0.0), ("0.25", 0.25), ("3600", 3_600.0)]
)
def test_the_pause_of_the_sweeper_is_a_number_of_seconds(text: str, seconds: float) -> None:
    assert load({"SWEEP_SECONDS": text}).sweep_seconds == seconds
    assert load(sweep_seconds=text).sweep_seconds == seconds


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ENVIRONMENT", "Development"),
        ("STORAGE", "POSTGRES"),
        ("LOG_LEVEL", "INFO"),
        ("CURRENCY", "usd"),
        ("POOLER", "None"),
    ],
)
def test_names_are_case_insensitive(variable: str, text: str) -> None:
    assert load({variable: text}) == load()


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("PORT", "80x", "is not a port: a whole number from 0 to 65535"),
        ("PORT", "-1", "is not a port: a whole number from 0 to 65535"),
        ("RPC_PORT", "65536", "is not a port: a whole number from 0 to 65535"),
        ("RPC_PORT", "1e3", "is not a port: a whole number from 0 to 65535"),
        ("HOST", "not a host", "is not a host: a name or an IP address"),
        ("HOST", "999.1.1.1", "is not a host: a name or an IP address"),
        ("ENVIRONMENT", "staging", "is not an environment: development or production"),
        ("STORAGE", "disk", "is not a storage: postgres or memory"),
        ("WORKERS", "0", "is not a number of workers: a whole number from 1 to 64"),
        ("CURRENCY", "dollar", "is not a currency: an ISO 4217 code, such as USD"),
        ("CURRENCY", "ZZZ", "is not a currency: an ISO 4217 code, such as USD"),
        ("LOG_LEVEL", "loud", "is not a log level: debug, info, warning or error"),
        ("POOL_SIZE", "0", "is not a number of connections: a whole number from 1 to 500"),
        ("POOL_TIMEOUT", "nan", "is not a time in seconds: a number from 0.1 to 60"),
        ("STATEMENT_TIMEOUT", "5s", "is not a time in seconds: a number from 0.1 to 600"),
        ("SWEEP_SECONDS", "-1", "is not a time in seconds: a number from 0 to 3600"),
        ("SWEEP_SECONDS", "often", "is not a time in seconds: a number from 0 to 3600"),
        ("SWEEP_SECONDS", "3600.1", "is not a time in seconds: a number from 0 to 3600"),
        ("SWEEP_SECONDS", "inf", "is not a time in seconds: a number from 0 to 3600"),
        ("POOLER", "session", "is not a kind of pooler: none or transaction"),
        ("DATA_DIR", "data", "is not an absolute path: it must begin with a slash"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_setting(
    variable: str, text: str, reason: str
) -> None:
    assert sentences({variable: text}) == (f'{variable}: "{text}" {reason}.',)


def test_digits_of_other_scripts_are_not_numbers() -> None:
    assert sentences({"PORT": "\uff18\uff10"})[0].startswith('PORT: "\\uff18\\uff10" is not a port')


def test_a_long_value_is_truncated_in_the_error() -> None:
    assert len(sentences({"PORT": "9" * 10_000})[0]) < 200


A_KEY = "-----BEGIN PRIVATE KEY-----\nMIIhunter2/hunter2\n-----END PRIVATE KEY-----"
FILES = ["TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "JWT_JWKS_FILE", "ROLES_FILE"]


@pytest.mark.parametrize("text", [A_KEY, A_KEY * 100, A_KEY.replace("\n", ""), "hunter2\rhunter2"])
@pytest.mark.parametrize("variable", FILES)
def test_a_file_pasted_in_place_of_its_path_is_not_shown(variable: str, text: str) -> None:
    assert f"{variable}: the value is not an existing file." in sentences({variable: text})


@pytest.mark.parametrize("text", [A_KEY, A_KEY * 100])
def test_a_pasted_file_is_not_shown_by_options_or_other_settings(text: str) -> None:
    reasons = sentences({"PORT": text, "GATEWAY_ANONYMOUS": text}, seed_file=text, ready_file=text)
    assert sorted(reasons) == [
        "--ready-file: the value is not a path in an existing folder.",
        "--seed-file: the value is not an existing file.",
        "GATEWAY_ANONYMOUS: the value is not a list of permissions.",
        "PORT: the value is not a port: a whole number from 0 to 65535.",
    ]


@pytest.mark.parametrize("variable", FILES)
def test_a_text_that_is_too_long_for_a_path_is_not_an_existing_file(variable: str) -> None:
    [sentence] = sentences({variable: "x" * 5_000})
    assert sentence == f'{variable}: "{"x" * 60}..." is not an existing file.'


def test_an_invalid_option_is_named_as_an_option() -> None:
    assert sentences(rpc_port="x")[0].startswith('--rpc-port: "x" is not a port')


def test_all_errors_are_reported_at_once() -> None:
    errors = sentences({"PORT": "a", "WORKERS": "b", "DATABASE_URL": "c"}, log_level="d")
    names = [sentence.partition(":")[0] for sentence in errors]
    assert sorted(names) == ["--log-level", "DATABASE_URL", "PORT", "WORKERS"]


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgres+asyncpg", "POSTGRES"]
)
def test_every_spelling_of_the_scheme_is_accepted(scheme: str) -> None:
    url = load({"DATABASE_URL": f"{scheme}://shop:hunter2@db:5432/customers"}).database_url
    assert url is not None
    assert url.reveal() == "postgresql://shop:hunter2@db:5432/customers"


@pytest.mark.parametrize(
    "address",
    [
        "mysql://shop:hunter2@db/customers",
        "shop:hunter2@db/customers",
        "postgres://shop:hunter2@db:port/customers",
        "postgres://shop:hunter2@db:99999/customers",
        "postgres://shop:hunter2@[db/customers",
        "postgres://shop:hunt/er2@db/customers",
        "postgres://shop:s@hunt/er2@db:5432/customers",
        "postgres://shop:s@hunt@db/customers",
        "postgres://shop:12/hunt@db/customers",
        "postgres://shop:12?hunt@db/customers",
        "postgres://shop:12#hunt@db/customers",
        "postgres://shop:s@hunt?er2@db/customers",
        "postgres://shop:s@hunt#er2@db/customers",
        "postgres://shop:s@hunt?er=2@db/customers",
        "postgres://shop:hunter2@db/cust omers",
    ],
)
def test_the_error_about_an_invalid_url_does_not_repeat_it(address: str) -> None:
    (sentence,) = sentences({"DATABASE_URL": address})
    assert sentence.startswith("DATABASE_URL: the value is not ")
    assert "hunt" not in sentence


def test_the_error_about_an_unescaped_password_says_what_to_do() -> None:
    (sentence,) = sentences({"DATABASE_URL": "postgres://app:Sup3r@Secret/99@db:5432/shop"})
    assert sentence == (
        "DATABASE_URL: the value is not a well-formed URL, postgres://user:password@host:5432/"
        "database: percent-encode characters such as @ : / # ? in the password."
    )


@pytest.mark.parametrize(
    "address",
    [
        "app:%40%3A%2F%23%3F@db:5432/shop",
        "app:s:ecret@db/shop",
        "db",
        "[::1]:5432/shop",
        "h1:5432,h2:5433/shop",
        "app:secret@h1,[::1]:5433/shop?target_session_attrs=read-write",
        "%2Frun%2Fpostgresql/shop",
        "/shop?host=/run/postgresql&user=app@server&sslrootcert=/ca.pem",
    ],
)
def test_a_well_formed_url_is_accepted(address: str) -> None:
    url = load({"DATABASE_URL": f"postgres://{address}"}).database_url
    assert url is not None
    assert url.reveal() == f"postgresql://{address}"


@pytest.mark.parametrize("hosts", ["h1:0", "h1,", ",h1", ":5432", "h1:1,h2:x", "h1:99999,h2"])
def test_a_url_with_an_invalid_host_or_port_is_an_error(hosts: str) -> None:
    (sentence,) = sentences({"DATABASE_URL": f"postgres://app:secret@{hosts}/shop"})
    assert "is not a well-formed URL" in sentence


@pytest.mark.parametrize("address", ["", "/", "/shop", "app:secret@/shop", "/shop?user=app"])
def test_a_url_without_a_host_is_an_error(address: str) -> None:
    (sentence,) = sentences({"DATABASE_URL": f"postgres://{address}"})
    assert sentence == (
        "DATABASE_URL: the value names no host: postgres://user:password@host:5432/database."
    )


def test_a_url_in_the_wrong_setting_is_not_repeated_either() -> None:
    assert sentences({"HOST": DATABASE}) == (
        "HOST: the value is not a host: a name or an IP address.",
    )


def test_settings_are_shown_without_the_password() -> None:
    settings = load({"DATABASE_URL": DATABASE})
    shown = f"{settings} {settings!r} {settings.database_url} {settings.database_url!r}"
    assert "postgresql://shop:***@db:5432/customers" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"cannot reach {DATABASE}, sorry", "cannot reach postgres://shop:***@db:5432/customers,"),
        ("a://u:hunter2@h and b://u:hunter2@h", "a://u:***@h and b://u:***@h"),
        ("postgres://u:hunter2@x@h/d", "postgres://u:***@h/d"),
        ("postgres://h/d?user=u&password=hunter2&a=b", "postgres://h/d?user=u&password=***&a=b"),
    ],
)
def test_a_password_is_hidden_inside_any_sentence(text: str, hidden: str) -> None:
    assert hidden in without_passwords(text)
    assert "hunter2" not in without_passwords(text)


def test_a_url_without_a_password_is_unchanged() -> None:
    text = "listening on http://127.0.0.1:8089/health and postgres://shop@db/customers"
    assert without_passwords(text) == text


def test_production_requires_a_database_url() -> None:
    (sentence,) = sentences({"ENVIRONMENT": "production", **TRUSTED})
    assert sentence.startswith("DATABASE_URL: production requires the URL of a database")
    assert (
        load({"ENVIRONMENT": "production", "DATABASE_URL": DATABASE, **TRUSTED}).storage
        == "postgres"
    )


def test_production_rejects_memory_storage_with_or_without_a_database() -> None:
    environ = {"ENVIRONMENT": "production", "STORAGE": "memory", **TRUSTED}
    expected = ("STORAGE: memory is not allowed in production: use postgres.",)
    assert sentences(environ) == sentences({**environ, "DATABASE_URL": DATABASE}) == expected


def test_memory_storage_runs_in_one_process() -> None:
    assert sentences(storage="memory", workers="2") == (
        "--workers: memory storage runs in one process: use 1, or postgres.",
    )
    assert load(storage="memory").workers == 1


def test_several_workers_can_share_free_ports() -> None:
    assert load({"WORKERS": "2", "PORT": "0", "RPC_PORT": "0"}).port == 0


def test_the_folder_of_the_ready_file_must_exist() -> None:
    (sentence,) = sentences(ready_file="/nowhere/ready.json")
    assert sentence.startswith("--ready-file: ")


def test_the_two_ports_must_differ_unless_both_are_0() -> None:
    assert sentences({"RPC_PORT": "8089"}) == (
        "RPC_PORT: 8089 is already the REST port: choose another.",
    )
    assert load({"PORT": "0", "RPC_PORT": "0"}).port == 0


def test_an_invalid_setting_is_not_checked_for_conflicts() -> None:
    environ = {"ENVIRONMENT": "production", "DATABASE_URL": "mysql://db", "WORKERS": "x", **TRUSTED}
    assert [sentence.partition(":")[0] for sentence in sentences(environ)] == [
        "DATABASE_URL",
        "WORKERS",
    ]


def test_data_is_stored_in_the_data_directory_of_the_user() -> None:
    assert load({"HOME": "/home/ann"}).data_dir == Path("/home/ann/.local/share/customers")
    assert load({"HOME": "/home/ann", "XDG_DATA_HOME": "/d"}).data_dir == Path("/d/customers")
    assert load({"XDG_DATA_HOME": "/d", "DATA_DIR": "/data"}).data_dir == Path("/data")


def test_a_relative_data_directory_is_ignored() -> None:
    environ = {"HOME": "/home/ann", "XDG_DATA_HOME": "share"}
    assert load(environ).data_dir == Path("/home/ann/.local/share/customers")


def test_the_ready_file_is_an_option_only() -> None:
    assert load({"READY_FILE": "ready.json"}).ready_file is None
    assert load(ready_file="ready.json").ready_file == Path("ready.json")


def test_a_command_receives_its_settings() -> None:
    environ = {"DATABASE_URL": DATABASE, "PORT": "1000"}
    result = run(show, ["--port", "2000"], environ)
    assert result.output == "port 2000, database postgresql://shop:***@db:5432/customers\n"


def test_a_command_with_invalid_settings_exits_with_2_and_prints_a_line_for_each() -> None:
    result = run(show, ["--port", "80x"], {"WORKERS": "none"})
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        '--port: "80x" is not a port: a whole number from 0 to 65535.',
        'WORKERS: "none" is not a number of workers: a whole number from 1 to 64.',
    ]


def test_help_shows_every_option_with_its_variable_and_default() -> None:
    output = " ".join(run(show, ["--help"], {}).output.split())
    for setting in catalogue():
        option = f"{setting.option} {setting.metavar}".strip()
        assert f"{option} {setting.help}" in output
        assert f"default: {setting.default}]" in output
        assert setting.variable is None or f"[env: {setting.variable}" in output


def test_a_command_has_only_the_options_that_it_names() -> None:
    @click.command()
    @takes_settings("log_level")
    def migrate(settings: Settings) -> None:
        click.echo(settings.log_level)

    assert run(migrate, ["--log-level", "error"], {}).output == "error\n"
    assert run(migrate, ["--port", "1"], {}).exit_code == 2


def test_a_pattern_of_tenants_must_be_a_regular_expression() -> None:
    assert load({"TENANT_PATTERN": "shop-[0-9]+"}).tenant_pattern == "shop-[0-9]+"
    [sentence] = sentences({"TENANT_PATTERN": "shop-["})
    assert sentence.startswith("TENANT_PATTERN: ")
    assert "is not a regular expression" in sentence


async def test_both_interfaces_narrow_tenants_to_the_pattern() -> None:
    async with memory_service(tenant_pattern="shop-[0-9]+") as service:
        assert (await service.api.of_tenant("shop-7").get("/customers")).status == 200
        for other in ("shop-7x", "other"):
            answer = await service.api.of_tenant(other).get("/customers")
            assert answer.error == (400, "INVALID_TENANT")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await service.stub.CancelOrder(CancelOrderRequest(tenant_id=other))
            assert "tenant_id" in (raised.value.details() or "")
