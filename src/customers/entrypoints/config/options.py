"""Command-line options for the settings, generated from their catalogue in `settings.py`."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar

import click

from customers.entrypoints.config.access_settings import access_setting_names
from customers.entrypoints.config.mail_settings import mail_setting_names
from customers.entrypoints.config.setting_types import Setting
from customers.entrypoints.config.settings import Settings, SettingsError, catalogue

Result = TypeVar("Result")


def takes_settings(
    *names: str, validates_others: bool = True
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Adds options for the named settings (default: all), and passes the Settings to the command as
    its first argument.

    Other settings come from the environment; those of mail, and of access except `row_security`,
    have their defaults. With `validates_others=False`, all other settings have their defaults.

    If settings are invalid, the command prints a line for each error on standard error and exits
    with 2.
    """
    by_name = {setting.name: setting for setting in catalogue()}
    settings_of_command = [by_name[name] for name in names or by_name]

    def decorate(command: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(command)
        def load_and_run(*args: Any, **kwargs: Any) -> Result:
            options = {setting.name: kwargs.pop(setting.name) for setting in settings_of_command}
            read = set(options)
            if validates_others:
                read |= by_name.keys() - access_setting_names() - mail_setting_names()
            return command(_load(options, read), *args, **kwargs)

        decorated: Callable[..., Result] = load_and_run
        for setting in reversed(settings_of_command):
            decorated = _option(setting)(decorated)
        return decorated

    return decorate


def _load(options: dict[str, object], names: Collection[str] | None) -> Settings:
    try:
        return Settings.of_process(options, names)
    except SettingsError as error:
        from customers.entrypoints.observability.output import Output  # noqa: PLC0415 - rare

        output = Output(as_json=Settings.is_production(options))
        for sentence in error.sentences:
            output.error(sentence, prefix="")
        raise click.exceptions.Exit(2) from None


def _option(setting: Setting) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    variable = f"env: {setting.variable}; " if setting.variable else ""
    if setting.file_variable:
        file = f"{setting.file_variable} with the path of a file that contains it"
        variable = f"env: {setting.variable}, or {file}; "
    text = f"{setting.help}  [{variable}default: {setting.default}]"
    if setting.is_flag:
        return click.option(setting.option, setting.name, is_flag=True, default=None, help=text)
    return click.option(setting.option, setting.name, metavar=setting.metavar, help=text)
