"""YAML as tests write it: numbers are exact, dates stay texts. JSON is YAML too."""

from decimal import Decimal
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Reads what JSON could say, and nothing else."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_yaml(text: str) -> Any:
    """Raises ValueError, which says where the text is no YAML."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, ArithmeticError) as error:
        raise ValueError(str(error)) from error
