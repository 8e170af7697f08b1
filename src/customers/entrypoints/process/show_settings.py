"""The command `customers settings`: each setting, its value, and where the value comes from."""

from collections.abc import Mapping
from datetime import datetime

from customers.entrypoints.config.setting_types import DatabaseUrl, Setting
from customers.entrypoints.config.settings import Settings, catalogue
from customers.entrypoints.observability.output import Output

_HEADINGS = ("Setting", "Value", "Source")


def show_settings(settings: Settings, options: Mapping[str, object], output: Output) -> None:
    """Prints a table; in production a JSON object for each setting."""
    origins = Settings.origins_of_process(options)
    rows = [
        (one.variable or one.option, _shown(one, getattr(settings, one.name)), origins[one.name])
        for one in catalogue()
    ]
    if output.as_json:
        for name, value, source in rows:
            output.info(f"{name} is {value} ({source})", setting=name, value=value, source=source)
    else:
        _print_table([_HEADINGS, *rows], output)


def _shown(definition: Setting, value: object) -> str:
    """The value as a text without secrets."""
    if value is None:
        return definition.default
    if definition.is_secret:
        return str(value) if isinstance(value, DatabaseUrl) else "***"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_table(rows: list[tuple[str, str, str]], output: Output) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        output.info(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")
