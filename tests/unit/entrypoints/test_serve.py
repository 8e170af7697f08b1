"""The parts of a serving process: its ready file, its worker's command, its failures."""

import json
from io import StringIO
from pathlib import Path

import pytest

from customers.entrypoints.config.access_values import (
    AuthModes,
    Names,
    Networks,
    PermissionNames,
)
from customers.entrypoints.config.mail_values import SmtpUrl
from customers.entrypoints.config.setting_types import DatabaseUrl, Secret
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.observability import logs
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.loop import run
from customers.entrypoints.process.ready_file import (
    CannotWriteReadyFile,
    announce,
    prepare_ready_file,
)
from customers.entrypoints.process.sockets import CannotListen
from customers.entrypoints.process.worker import WorkerCommand
from tests.support.builders import A_SECRETS_KEY

DATABASE = "postgresql://shop:hunter2@db:5432/customers"


class DriverError(Exception):
    pass


def failure(error: Exception, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error of a process that fails with the error."""

    async def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as exited:
        run(fail(), Output(as_json=False))
    assert isinstance(exited.value.code, int)
    return exited.value.code, capsys.readouterr().err


def test_the_ready_file_exists_while_the_service_is_announced(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    settings = Settings(host="0.0.0.0", ready_file=file, storage="memory", data_dir=tmp_path)
    with announce(settings, 8089, 9089):
        addresses = json.loads(file.read_text())
        assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]
    assert list(addresses) == ["http", "grpc", "pid", "storage"]
    assert (addresses["http"], addresses["grpc"]) == ("http://127.0.0.1:8089", "127.0.0.1:9089")
    assert not file.exists()


@pytest.mark.parametrize(
    ("issuer", "is_warned"),
    [
        ("http://id.example.test/realms/shop", True),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("https://id.example.test", False),
    ],
)
def test_keys_that_come_over_plain_http_are_a_warning(
    issuer: str, is_warned: bool, tmp_path: Path
) -> None:
    settings = Settings(
        storage="memory", data_dir=tmp_path, auth=AuthModes(("jwt",)), jwt_issuer=issuer
    )
    logs.configure("info", as_json=True, stream=(stream := StringIO()))
    with announce(settings, 8089, 9089):
        assert ("come over plain HTTP" in stream.getvalue()) is is_warned


def test_a_stale_ready_file_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.write_text("{}")
    prepare_ready_file(file)
    prepare_ready_file(file)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "cause"), [("", "is a directory"), ("x" * 255, "file name too long")]
)
def test_a_ready_file_that_cannot_be_written_is_an_error_at_once(
    name: str, cause: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    with pytest.raises(CannotWriteReadyFile) as raised:
        prepare_ready_file(file)
    assert str(raised.value) == (
        f"--ready-file: {file} cannot be written ({cause}): "
        "name a file in a folder that the service may write"
    )


def test_a_ready_file_that_cannot_be_moved_into_place_leaves_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.mkdir()
    settings = Settings(ready_file=file, storage="memory", data_dir=tmp_path)
    with pytest.raises(CannotWriteReadyFile), announce(settings, 8089, 9089):
        pass
    assert list(tmp_path.iterdir()) == [file]


def test_a_worker_gets_all_settings() -> None:
    settings = Settings(
        port=1,
        rpc_port=2,
        host="::",
        environment="production",
        database_url=DatabaseUrl.parse(DATABASE),
        data_dir=Path("/data"),
        workers=3,
        currency="JPY",
        log_level="error",
        pool_size=4,
        pool_timeout=0.25,
        statement_timeout=60.0,
        pooler="transaction",
        secrets_key=A_SECRETS_KEY,
        auth=AuthModes(("gateway", "jwt")),
        gateway_peers=Networks.parse("10.0.0.0/8,::1/128"),
        gateway_secret=Secret("of the gateway"),
        gateway_anonymous=PermissionNames(("customers:view",)),
        storefront_services=Names(("shop",)),
        jwt_issuer="https://id.example.test",
        jwt_audience="customers",
        smtp_url=SmtpUrl.parse("smtps://shop:a%20password@mail.example.test"),
        storefront_url="https://{tenant}.example.test",
    )
    command = WorkerCommand(settings=settings, metrics_dir=Path("/metrics"))
    assert WorkerCommand.from_line(command.as_line()) == command


@pytest.mark.parametrize(
    ("text", "names"),
    [(",", ()), ("none", ()), ("shop", ("shop",)), ("shop, app", ("shop", "app"))],
)
def test_a_worker_knows_the_same_storefront_services(text: str, names: tuple[str, ...]) -> None:
    settings = Settings.load({"STOREFRONT_SERVICES": text, "DATABASE_URL": DATABASE}, {})
    assert settings.storefront_services.names == names
    command = WorkerCommand(settings=settings, metrics_dir=Path("/metrics"))
    assert WorkerCommand.from_line(command.as_line()).settings == settings


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CannotListen("no such address"), "Error: no such address\n"),
        (FileNotFoundError(2, "No such file", "/x"), "Error: [Errno 2] No such file: '/x'\n"),
        (ExceptionGroup("two", [CannotListen("first"), OSError("second")]), "Error: first\n"),
        (CannotListen(f"cannot reach {DATABASE}"), "Error: cannot reach postgresql://shop:***@"),
    ],
)
def test_a_failure_of_the_process_is_one_sentence(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, errors = failure(error, capsys)
    assert code == 1
    assert errors.startswith(message)


def test_the_message_of_a_driver_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = failure(DriverError("Key (email)=(ada@example.test)"), capsys)
    assert code == 1
    assert "DriverError" in errors
    assert "ada" not in errors
