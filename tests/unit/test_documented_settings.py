"""README and .env.example list the settings and their defaults."""

import re
from pathlib import Path

import pytest

from customers.entrypoints.config.setting_types import Setting
from customers.entrypoints.config.settings import Settings, catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
# Their defaults depend on the user, so .env.example has examples.
WITHOUT_EXAMPLE_OF_DEFAULT = {"DATABASE_URL", "DATA_DIR"}

VARIABLES = [setting for setting in catalogue() if setting.variable]
NAMES = sorted(
    name for setting in VARIABLES for name in (setting.variable, setting.file_variable) if name
)
OPTIONS = [setting for setting in catalogue() if not setting.variable]


def table_of_readme() -> dict[str, str]:
    """The defaults by variable, as the README shows them."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", README, re.MULTILINE)
    return {name: default.replace("`", "") for name, default in rows}


def lines_of_env_example() -> dict[str, str]:
    """The values of the commented-out lines, by variable."""
    return dict(re.findall(r"^# ([A-Z_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))


def test_the_readme_lists_every_variable() -> None:
    assert sorted(table_of_readme()) == NAMES


@pytest.mark.parametrize("setting", VARIABLES, ids=lambda setting: setting.name)
def test_the_readme_shows_the_default(setting: Setting) -> None:
    shown, default = table_of_readme()[str(setting.variable)], setting.default.removesuffix(".0")
    assert shown == default or shown.startswith(f"{default} (in the image ")


@pytest.mark.parametrize("setting", OPTIONS, ids=lambda setting: setting.name)
def test_the_readme_names_every_setting_that_is_an_option_only(setting: Setting) -> None:
    assert f"`{setting.option}`" in README


def test_the_example_file_lists_every_variable() -> None:
    names = re.findall(r"^# ([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE)
    assert sorted(names) == NAMES


def test_the_example_file_shows_the_defaults() -> None:
    environ = {
        name: value
        for name, value in lines_of_env_example().items()
        if name not in WITHOUT_EXAMPLE_OF_DEFAULT
    }
    assert environ
    assert Settings.load(environ, {}) == Settings.load({}, {})


def test_the_examples_of_the_example_file_are_valid() -> None:
    assert Settings.load(lines_of_env_example(), {}).database_url is not None
