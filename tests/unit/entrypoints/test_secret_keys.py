"""`SECRETS_KEY`: strong keys, shown nowhere."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from customers.entrypoints.cli import main
from customers.entrypoints.config.setting_types import SecretKeys
from customers.entrypoints.config.settings import Settings, SettingsError
from tests.support.access import TRUSTED

OLD, NEW = "kJ8zW2vQ5rT7yN4mX1cB6hL9pD3sF0gA", "gA0sF3pD9hL6cB1mX4yN7rT5vQ2zW8kJ="
WEAK = ["short", OLD[:-1], "a" * 32, "password" * 8, f"{OLD} {NEW}", f"é{OLD}", OLD + "a" * 1000]


def keys(text: str) -> SecretKeys:
    keys = Settings.load({"SECRETS_KEY": text}, {}).secrets_key
    assert keys is not None
    return keys


def test_several_keys_are_separated_by_commas() -> None:
    assert keys(f" {NEW} , {OLD} ").as_bytes() == (NEW.encode(), OLD.encode())
    assert Settings.load({}, {}).secrets_key is None


def test_a_file_may_contain_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{NEW},\n{OLD}\n")
    settings = Settings.load({"SECRETS_KEY_FILE": str(file)}, {})
    assert settings.secrets_key == keys(f"{NEW},{OLD}")


@pytest.mark.parametrize("weak", WEAK, ids=range(len(WEAK)))
@pytest.mark.parametrize("form", ["{}", f"{OLD},{{}}", f"{{}},{OLD}"])
def test_a_weak_key_is_refused_and_not_shown(weak: str, form: str) -> None:
    with pytest.raises(SettingsError) as raised:
        keys(form.format(weak))
    [sentence] = raised.value.sentences
    assert sentence.startswith("SECRETS_KEY: the value is not a list of strong keys")
    assert weak not in sentence
    assert OLD not in sentence


@pytest.mark.parametrize("text", [",", f"{OLD},", f"{OLD},,{NEW}"])
def test_an_empty_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        keys(text)


def test_keys_are_masked_wherever_they_may_be_shown() -> None:
    shown = keys(f"{NEW},{OLD}")
    assert OLD not in f"{shown} {shown!r} {Settings(secrets_key=shown)!r}"
    environ = {
        "SECRETS_KEY": OLD,
        "ENVIRONMENT": "production",
        "DATABASE_URL": "postgres://h/d",
        **TRUSTED,
    }
    result = CliRunner().invoke(main, ["settings"], env=environ)
    lines = {line["setting"]: line["value"] for line in map(json.loads, result.stdout.splitlines())}
    assert lines["SECRETS_KEY"] == "***"
    assert OLD not in result.output
