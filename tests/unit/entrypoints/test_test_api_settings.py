"""The settings of the test API: what they require, and where they are not allowed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from customers.entrypoints.config.settings import Settings, SettingsError
from customers.entrypoints.process.worker import WorkerCommand

TEST_API: dict[str, object] = {"storage": "memory", "test_api": True}


def load(**options: object) -> Settings:
    return Settings.load({}, options)


def sentences(**options: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(**options)
    return raised.value.sentences


def test_the_test_api_is_off_by_default() -> None:
    settings = load(storage="memory")
    assert (settings.test_api, settings.ids, settings.seed) == (False, "timed", 0)
    assert (settings.clock, settings.seed_file) == (None, None)


def test_every_option_of_the_test_api_can_be_set(tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.yaml"
    seed_file.touch()
    options = {"ids": "sequential", "seed": "7", "clock": "2026-01-01T01:00:00+01:00"}
    settings = load(**TEST_API, **options, seed_file=seed_file)
    assert (settings.test_api, settings.ids, settings.seed) == (True, "sequential", 7)
    assert settings.clock == datetime(2026, 1, 1, tzinfo=UTC)
    assert settings.seed_file == seed_file


def test_the_environment_cannot_turn_on_the_test_api() -> None:
    environ = {"TEST_API": "true", "STORAGE": "memory", "IDS": "sequential"}
    assert Settings.load(environ, {}).test_api is False


def test_the_test_api_is_not_allowed_in_production() -> None:
    errors = sentences(**TEST_API, environment="production")
    assert "--test-api: is not allowed in production." in errors


def test_the_test_api_requires_memory_storage() -> None:
    assert sentences(test_api=True) == (
        "--test-api: requires memory storage: use --storage memory.",
    )


@pytest.mark.parametrize(
    ("name", "text"), [("ids", "sequential"), ("seed", "5"), ("clock", "2026-01-01T00:00:00Z")]
)
def test_its_options_require_the_test_api(name: str, text: str) -> None:
    assert sentences(storage="memory", **{name: text}) == (f"--{name}: requires --test-api.",)


def test_a_seed_requires_sequential_ids() -> None:
    assert sentences(**TEST_API, seed="5") == ("--seed: requires --ids sequential.",)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("ids", "random", '--ids: "random" is not a kind of ids: timed or sequential.'),
        ("seed", "-1", '--seed: "-1" is not a seed: a whole number from 0 to 999999999.'),
        (
            "clock",
            "2026-01-01",
            '--clock: "2026-01-01" is not a date and time, such as 2026-01-01T00:00:00Z.',
        ),
        ("seed_file", "/no", '--seed-file: "/no" is not an existing file.'),
    ],
)
def test_an_invalid_value_is_an_error_that_names_the_option(
    name: str, text: str, sentence: str
) -> None:
    assert sentences(**TEST_API, **{name: text}) == (sentence,)


def test_a_worker_gets_every_option_of_the_test_api(tmp_path: Path) -> None:
    settings = load(**TEST_API, ids="sequential", seed="7", clock="2026-01-01T00:00:00Z")
    command = WorkerCommand(settings=settings, metrics_dir=tmp_path)
    assert WorkerCommand.from_line(command.as_line()) == command
