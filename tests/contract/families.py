"""The contract families, found by name, so that no list of them can miss one.

A family is a class named `…Contract` in a module of this package (the storage's promises) or of
`tests.contract.api` (those of the REST interface). A test module runs all families of a package on
one storage with `globals().update(test_classes(package, __name__))`.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

STORAGE: Final = "tests.contract"
API: Final = "tests.contract.api"
_SUFFIX: Final = "Contract"


def families(package: str) -> Iterator[type]:
    """The contract classes of a package, by module name, then in the order of their definition."""
    for module in iter_modules(import_module(package).__path__, f"{package}."):
        for name, value in vars(import_module(module.name)).items():
            if name.endswith(_SUFFIX) and value.__module__ == module.name:
                yield value


def test_classes(package: str, module: str) -> dict[str, type]:
    """Test classes of a module, one for every family, such as TestNote for NoteContract.

    Raises ValueError when two families have the same name.
    """
    classes: dict[str, type] = {}
    for family in families(package):
        name = f"Test{family.__name__.removesuffix(_SUFFIX)}"
        if name in classes:
            raise ValueError(f"two contract families are named {family.__name__}")
        classes[name] = type(name, (family,), {"__module__": module, "__doc__": family.__doc__})
    return classes
