"""`customers settings`: each setting, its value, and where the value comes from."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from customers.entrypoints.cli import main
from customers.entrypoints.config.settings import catalogue
from tests.support.access import TRUSTED

URL = "postgres://shop:hunter2@db:5432/customers"
MASKED = "postgresql://shop:***@db:5432/customers"


def run(*options: str, **environ: str) -> Result:
    names = {name for item in catalogue() for name in (item.variable, item.file_variable) if name}
    unset = dict.fromkeys(names)
    return CliRunner().invoke(main, ["settings", *options], env={**unset, **environ})


def table(result: Result) -> dict[str, tuple[str, str]]:
    """The value and the source by setting, from the columns of the text."""
    rows = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert rows.pop(0) == ["Setting", "Value", "Source"]
    return {name: (value, source) for name, value, source in rows}


def test_each_setting_is_shown_with_its_value_and_source(tmp_path: Path) -> None:
    shown = table(run("--port", "80", "--data-dir", str(tmp_path), POOL_TIMEOUT="2.50"))
    assert len(shown) == len(catalogue())
    assert shown["PORT"] == ("80", "option --port")
    assert shown["DATA_DIR"] == (str(tmp_path), "option --data-dir")
    assert shown["POOL_TIMEOUT"] == ("2.5", "variable POOL_TIMEOUT")
    assert shown["DATABASE_URL"] == ("an embedded PostgreSQL", "default")
    assert shown["--test-api"] == ("off", "default")


def test_the_columns_are_aligned() -> None:
    lines = run(DATABASE_URL=URL).stdout.splitlines()
    start = lines[0].index("Source")
    assert {line[start - 2 : start] for line in lines} == {"  "}
    assert all(line[start].strip() for line in lines)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_passwords_are_masked(environment: str) -> None:
    result = run(DATABASE_URL=URL, ENVIRONMENT=environment, **TRUSTED)
    assert MASKED in result.output
    assert "hunter2" not in result.output


def test_a_value_from_a_file_is_shown_with_the_path_and_masked(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(URL)
    shown = table(run(DATABASE_URL_FILE=str(file)))
    assert shown["DATABASE_URL"] == (MASKED, f"file {file} (DATABASE_URL_FILE)")


def test_in_production_each_setting_is_a_json_object() -> None:
    result = run(DATABASE_URL=URL, ENVIRONMENT="production", WORKERS="2", **TRUSTED)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == len(catalogue())
    [workers] = [line for line in lines if line["setting"] == "WORKERS"]
    assert (workers["value"], workers["source"]) == ("2", "variable WORKERS")
    assert workers["event"] == "WORKERS is 2 (variable WORKERS)"


def test_invalid_settings_are_errors_and_not_shown() -> None:
    result = run(PORT="80x")
    assert (result.exit_code, result.stdout) == (2, "")
