"""Every contract family in the sources is run on memory and on PostgreSQL."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.contract import families

TESTS = Path(__file__).parents[2]
RUNS = {
    families.STORAGE: ("unit.adapters.test_memory_contract", "integration.test_postgres_contract"),
    families.API: ("unit.entrypoints.test_api", "integration.test_api"),
}


def families_in_sources(package: str) -> set[str]:
    """The names of the contract classes that the package's files define."""
    files = TESTS.parent.joinpath(*package.split(".")).glob("*.py")
    return {
        name
        for file in files
        for name in re.findall(r"^class (\w+Contract)\b", file.read_text("utf-8"), re.MULTILINE)
    }


def families_run_by(module: str) -> set[str]:
    """The names of the contract classes that a test module subclasses."""
    classes = [
        value for name, value in vars(import_module(module)).items() if name.startswith("Test")
    ]
    return {contract.__name__ for test_class in classes for contract in test_class.__bases__}


@pytest.mark.parametrize("package", RUNS)
def test_both_storages_run_every_contract_family(package: str) -> None:
    memory, postgres = (families_run_by(f"tests.{module}") for module in RUNS[package])
    assert memory == postgres == families_in_sources(package)
    assert len(memory) > 40


def test_two_families_with_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    family = type("OrderContract", (), {})
    monkeypatch.setattr(families, "families", lambda package: iter((family, family)))
    with pytest.raises(ValueError, match="two contract families are named OrderContract"):
        families.test_classes(families.STORAGE, __name__)
