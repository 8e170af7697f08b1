"""What the parts of a serving process promise each other."""

import json
from pathlib import Path

import pytest

from customers.entrypoints.config.setting_types import DatabaseUrl
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.process.loop import run
from customers.entrypoints.process.ready_file import announced, withdraw
from customers.entrypoints.process.sockets import CannotListen
from customers.entrypoints.process.worker import WorkerCommand

DATABASE = "postgresql://shop:hunter2@db:5432/customers"


class DriverError(Exception):
    pass


def told_of(error: Exception, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error of a process that fails with it."""

    async def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(fail())
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


def test_the_ready_file_is_there_while_it_is_announced(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    settings = Settings(host="0.0.0.0", ready_file=file, storage="memory", data_dir=tmp_path)
    with announced(settings, 8089, 9089):
        said = json.loads(file.read_text())
        assert [each.name for each in tmp_path.iterdir()] == ["ready.json"]
    assert (said["http"], said["grpc"]) == ("http://127.0.0.1:8089", "127.0.0.1:9089")
    assert not file.exists()


def test_a_ready_file_that_a_kill_left_is_withdrawn(tmp_path: Path) -> None:
    left = tmp_path / "ready.json"
    left.write_text("{}")
    withdraw(left)
    withdraw(left)
    assert not left.exists()


def test_a_worker_is_told_all_settings() -> None:
    settings = Settings(
        port=1,
        rpc_port=2,
        host="::",
        environment="production",
        database_url=DatabaseUrl.read(DATABASE),
        data_dir=Path("/data"),
        workers=3,
        currency="JPY",
        log_level="error",
        pool_size=4,
        pool_timeout=0.25,
        statement_timeout=60.0,
        pooler="transaction",
    )
    order = WorkerCommand(settings=settings, metrics_dir=Path("/metrics"))
    assert WorkerCommand.of(order.line()) == order


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CannotListen("nothing to be had"), "Error: nothing to be had\n"),
        (FileNotFoundError(2, "No such file", "/x"), "Error: [Errno 2] No such file: '/x'\n"),
        (ExceptionGroup("two", [CannotListen("first"), OSError("second")]), "Error: first\n"),
        (CannotListen(f"cannot reach {DATABASE}"), "Error: cannot reach postgresql://shop:***@"),
    ],
)
def test_what_stops_a_process_is_one_sentence(
    error: Exception, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, errors = told_of(error, capsys)
    assert code == 1
    assert errors.startswith(told)


def test_what_a_driver_says_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = told_of(DriverError("Key (email)=(ada@example.test)"), capsys)
    assert code == 1
    assert "DriverError" in errors
    assert "ada" not in errors
