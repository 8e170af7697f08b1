"""A transaction that lost to another one is repeated, by every use case that writes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import customers.core
from customers.core.errors.availability import Unavailable, WriteConflict
from customers.core.ports.retry import retries_conflict

CORE = Path(customers.core.__file__).parent
FILES = sorted([*CORE.glob("services/*.py"), *CORE.glob("membership/*.py")])
# `Customers._link` is a step of `register`, which is repeated.
COVERED = {"_link"}

Function = ast.AsyncFunctionDef


class Work:
    """Raises these errors, one per call, then returns the number of calls."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    @retries_conflict
    async def run(self) -> int:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return self.calls


async def test_after_a_conflict_the_work_is_done_again() -> None:
    assert await Work(WriteConflict()).run() == 2
    assert await Work(WriteConflict(), WriteConflict()).run() == 3


async def test_a_third_conflict_is_raised() -> None:
    work = Work(*(WriteConflict() for _ in range(3)))
    with pytest.raises(WriteConflict):
        await work.run()
    assert work.calls == 3


async def test_no_other_error_is_worth_a_second_try() -> None:
    work = Work(Unavailable())
    with pytest.raises(Unavailable):
        await work.run()
    assert work.calls == 1


def writers() -> Iterator[tuple[str, Function]]:
    """The async functions of FILES that use a transaction or autocommit, with their names."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, Function) and _transactions(node):
                yield f"{file.stem}.{node.name}", node


def _transactions(function: Function) -> int:
    attributes = [node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)]
    return attributes.count("transaction") + attributes.count("autocommit")


@pytest.mark.parametrize(("name", "function"), [*writers()], ids=[name for name, _ in writers()])
def test_every_use_case_that_writes_repeats_after_a_conflict(name: str, function: Function) -> None:
    decorators = {node.id for node in function.decorator_list if isinstance(node, ast.Name)}
    assert "retries_conflict" in decorators or function.name in COVERED, name
