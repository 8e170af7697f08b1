"""Reads YAML as tests write it: numbers are exact, dates stay text. JSON is YAML too."""

from decimal import Decimal
from typing import Any

import yaml

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Loads plain values as JSON has them: without the dates of YAML."""


_Loader.yaml_implicit_resolvers = {
    first_character: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first_character, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_yaml(text: str) -> Any:
    """The value of a YAML text. Raises ValueError for a text that is not valid."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, ArithmeticError) as error:
        raise ValueError(str(error)) from error
