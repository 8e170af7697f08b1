"""The settings of the test API: what they need, and where they are refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from customers.entrypoints.config.settings import Settings, SettingsRefused
from customers.entrypoints.process.worker import WorkerCommand

BENCH: dict[str, object] = {"storage": "memory", "test_api": True}


def load(**options: object) -> Settings:
    return Settings.load({}, options)


def sentences(**options: object) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as caught:
        load(**options)
    return caught.value.sentences


def test_it_is_off_unless_it_is_asked_for() -> None:
    settings = load(storage="memory")
    assert (settings.test_api, settings.ids, settings.seed) == (False, "timed", 0)
    assert (settings.clock, settings.seed_file) == (None, None)


def test_everything_of_it_can_be_set(tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.yaml"
    seed_file.touch()
    told = {"ids": "sequential", "seed": "7", "clock": "2026-01-01T01:00:00+01:00"}
    settings = load(**BENCH, **told, seed_file=seed_file)
    assert (settings.test_api, settings.ids, settings.seed) == (True, "sequential", 7)
    assert settings.clock == datetime(2026, 1, 1, tzinfo=UTC)
    assert settings.seed_file == seed_file


def test_the_environment_cannot_switch_it_on() -> None:
    environ = {"TEST_API": "true", "STORAGE": "memory", "IDS": "sequential"}
    assert Settings.load(environ, {}).test_api is False


def test_it_is_refused_in_production() -> None:
    told = sentences(**BENCH, environment="production")
    assert "--test-api: is refused in production." in told


def test_it_is_refused_with_a_database() -> None:
    assert sentences(test_api=True) == (
        "--test-api: only memory storage has a test API: use --storage memory.",
    )


@pytest.mark.parametrize(
    ("name", "text"), [("ids", "sequential"), ("seed", "5"), ("clock", "2026-01-01T00:00:00Z")]
)
def test_what_is_of_the_test_api_is_refused_without_it(name: str, text: str) -> None:
    assert sentences(storage="memory", **{name: text}) == (f"--{name}: needs --test-api.",)


def test_a_seed_is_for_sequential_ids() -> None:
    assert sentences(**BENCH, seed="5") == ("--seed: needs --ids sequential.",)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("ids", "random", '--ids: "random" is not a kind of ids: timed or sequential.'),
        ("seed", "-1", '--seed: "-1" is not a seed: a whole number from 0 to 999999999.'),
        (
            "clock",
            "2026-01-01",
            '--clock: "2026-01-01" is not a moment: one such as 2026-01-01T00:00:00Z.',
        ),
        ("seed_file", "/no", '--seed-file: "/no" is not the path of a file that is there.'),
    ],
)
def test_what_is_none_is_refused_with_its_name(name: str, text: str, sentence: str) -> None:
    assert sentences(**BENCH, **{name: text}) == (sentence,)


def test_a_worker_is_told_all_of_it(tmp_path: Path) -> None:
    settings = load(**BENCH, ids="sequential", seed="7", clock="2026-01-01T00:00:00Z")
    order = WorkerCommand(settings=settings, metrics_dir=tmp_path)
    assert WorkerCommand.of(order.line()) == order
