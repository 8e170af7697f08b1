"""Secrets that are given as files: `DATABASE_URL_FILE` names a file with the database URL."""

from pathlib import Path

import pytest

from customers.entrypoints.config.settings import Settings, SettingsError, catalogue

URL = "postgresql://shop:hunter2@db:5432/customers"


def load(path: object, **environ: str) -> Settings:
    return Settings.load({"DATABASE_URL_FILE": str(path), **environ}, {})


def sentence(path: object, **environ: str) -> str:
    """The error about settings with this file."""
    with pytest.raises(SettingsError) as raised:
        load(path, **environ)
    [error] = raised.value.sentences
    return error


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "database_url"


def test_every_secret_can_be_given_as_a_file_and_nothing_else_can() -> None:
    variables = {setting.name: setting.file_variable for setting in catalogue()}
    assert variables.pop("database_url") == "DATABASE_URL_FILE"
    assert variables.pop("secrets_key") == "SECRETS_KEY_FILE"
    assert variables.pop("gateway_secret") == "GATEWAY_SECRET_FILE"
    assert variables.pop("smtp_url") == "SMTP_URL_FILE"
    assert set(variables.values()) == {None}


def test_the_content_of_the_file_without_white_space_around_it_is_the_value(file: Path) -> None:
    file.write_text(f"\n {URL}\r\n")
    url = load(file).database_url
    assert url is not None
    assert url.reveal() == URL


def test_an_option_takes_precedence_over_the_file(file: Path) -> None:
    settings = Settings.load({"DATABASE_URL_FILE": str(file)}, {"database_url": URL})
    assert str(settings.database_url) == "postgresql://shop:***@db:5432/customers"


def test_a_blank_path_counts_as_missing() -> None:
    assert load(" ").database_url is None


def test_a_value_and_a_file_at_once_are_an_error_that_names_both(file: Path) -> None:
    file.write_text(URL)
    assert sentence(file, DATABASE_URL=URL) == (
        "DATABASE_URL and DATABASE_URL_FILE are both set: set only one of them."
    )


def test_a_missing_file_is_an_error_that_names_the_variable_and_the_path(file: Path) -> None:
    assert sentence(file) == (
        f'DATABASE_URL_FILE: the file "{file}" cannot be read: No such file or directory.'
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"a" * 70_000, "is larger than 65,536 bytes"),
    ],
)
def test_a_file_without_a_usable_text_is_an_error(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    assert sentence(file) == f'DATABASE_URL_FILE: the file "{file}" {problem}.'


def test_the_error_about_an_invalid_content_does_not_repeat_it(file: Path) -> None:
    file.write_text("mysql://shop:hunter2@db/customers")
    error = sentence(file)
    assert error.startswith(f'DATABASE_URL_FILE: the content of the file "{file}" is not the URL')
    assert "hunter2" not in error


def test_a_url_in_place_of_the_path_is_not_repeated() -> None:
    assert sentence(URL) == (
        "DATABASE_URL_FILE: the value is a URL: "
        "it must be the path of a file that contains the URL."
    )


@pytest.mark.parametrize("text", ["hunter2\nhunter2", "-----BEGIN PRIVATE KEY-----hunter2" * 500])
def test_a_content_in_place_of_the_path_is_not_repeated(text: str) -> None:
    assert sentence(text) == (
        "DATABASE_URL_FILE: the value is not a path: it must be the path of a file with the secret."
    )
