"""The settings as options of a command: declared from their catalogue, loaded before it runs.

No setting is named here, and none is checked here: see `settings.py`.
"""

from collections.abc import Callable
from functools import wraps
from typing import IO, Any, TypeVar

import click

from customers.entrypoints.config.setting_types import Setting
from customers.entrypoints.config.settings import Settings, SettingsRefused, catalogue

Result = TypeVar("Result")


class StartRefused(click.ClickException):
    """Ends the command with one line for each wrong setting on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, err=True, file=file)


def takes_settings(
    *names: str,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Gives a command the options of the settings named, and all Settings as its first argument.

    The other settings come from the environment only. Without names it takes every option.
    """
    known = {setting.name: setting for setting in catalogue()}
    taken = [known[name] for name in names or known]

    def decorate(command: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(command)
        def load_and_run(*args: Any, **kwargs: Any) -> Result:
            options = {setting.name: kwargs.pop(setting.name) for setting in taken}
            return command(_load(options), *args, **kwargs)

        decorated: Callable[..., Result] = load_and_run
        for setting in reversed(taken):
            decorated = _option(setting)(decorated)
        return decorated

    return decorate


def _load(options: dict[str, object]) -> Settings:
    try:
        return Settings.of_process(options)
    except SettingsRefused as refused:
        raise StartRefused("\n".join(refused.sentences)) from None


def _option(setting: Setting) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    variable = f"env: {setting.variable}; " if setting.variable else ""
    told = f"{setting.help}  [{variable}default: {setting.default}]"
    if setting.is_flag:
        return click.option(setting.option, setting.name, is_flag=True, default=None, help=told)
    return click.option(setting.option, setting.name, metavar=setting.metavar, help=told)
