"""Takes every place of every field away, one at a time, and shows that a test or mypy names it.

    python -m tools.field_mutants [--only TEXT]

A place is a column, a key of an answer, a key of its shape, a property of its OpenAPI schema, a
value in `tests/support/complete.py`, or a key of a snapshot. The code that reads and writes rows is
not a place: it is derived from the model and its table. Each processor works in a copy of the
checkout; a run takes about half an hour on two.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import attrs
import click

from customers.adapters.memory.snapshot_converter import OMITTED
from customers.adapters.memory.snapshot_rows import ErasedCustomer, TenantRows
from customers.core.model.erasure import Erasure
from tests.unit.test_entity_fields import ANSWERED, STORED

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = Path("src/customers")
SCHEMA: Final = [
    SOURCE / "adapters/postgres/schema" / f"{name}.py"
    for name in ("tables", "owned_tables", "ledger_tables", "segment_tables", "access_tables")
]
TESTS: Final = (
    "tests/unit/test_entity_fields.py",
    "tests/unit/adapters/test_row_mapping.py",
    "tests/unit/adapters/test_memory_snapshot_fields.py",
)


@attrs.frozen(kw_only=True)
class Mutant:
    """One place taken away: its description, its file, and the text of the file without it."""

    place: str
    file: Path
    text: str


def columns() -> Iterator[Mutant]:
    for entity, stored in STORED.items():
        for field in attrs.fields(entity):
            for name in stored.instead.get(field.name, {field.name}):
                yield from _without_column(entity, stored.table.name, name)


def _without_column(entity: type, table: str, name: str) -> Iterator[Mutant]:
    for file in SCHEMA:
        text = (ROOT / file).read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(text)):
            if not (isinstance(call, ast.Call) and call.args and _is_text(call.args[0], table)):
                continue
            for argument in call.args:
                cut = _cut_of_column(text, argument, name)
                if cut is not None:
                    place = f"column {table}.{name} of {entity.__name__}"
                    yield Mutant(place=place, file=file, text=cut)


def _cut_of_column(text: str, argument: ast.expr, name: str) -> str | None:
    """The text without one column; None when the argument does not make it."""
    call = argument.value if isinstance(argument, ast.Starred) else argument
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if call.func.id == "tenant_column" and name == "tenant_id":
        return _cut(text, argument)
    if call.func.id not in ("column", "columns", "Column"):
        return None
    for literal in call.args:
        if isinstance(literal, ast.Constant) and name in str(literal.value).split():
            others = [word for word in str(literal.value).split() if word != name]
            if not others:
                return _cut(text, argument)
            return _replaced(text, literal, repr(" ".join(others)))
    return None


def answers() -> Iterator[Mutant]:
    for file in (
        SOURCE / "entrypoints/json/encode.py",
        SOURCE / "entrypoints/json/encode_segments.py",
    ):
        text = (ROOT / file).read_text(encoding="utf-8")
        for place, node, value in _keys(ast.parse(text)):
            yield Mutant(place=f"answer key {place}", file=file, text=_cut_pair(text, node, value))


def _keys(module: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """The keys of the dictionaries that encode entities: description, key and value."""
    methods = {_method(answer.encode) for answer in ANSWERED.values()} | {
        "_change",
        "_locking",
        "_lock_fields",
    }
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef) and function.name in methods:
            for pairs in ast.walk(function):
                if isinstance(pairs, ast.Dict):
                    for key, value in zip(pairs.keys, pairs.values, strict=True):
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            yield f"{function.name.strip('_')}.{key.value}", key, value


def _method(encode: object) -> str:
    return str(getattr(encode, "__name__", "")).replace("<lambda>", "segment")


def shapes() -> Iterator[Mutant]:
    names = {answer.shape.__name__ for answer in ANSWERED.values()} | {"Locking"}
    for path in sorted((ROOT / SOURCE / "entrypoints/json/shapes").glob("*.py")):
        file, text = path.relative_to(ROOT), path.read_text(encoding="utf-8")
        for shape in ast.parse(text).body:
            if isinstance(shape, ast.ClassDef) and shape.name in names:
                for key in shape.body:
                    if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
                        place = f"shape key {shape.name}.{key.target.id}"
                        yield Mutant(place=place, file=file, text=_cut(text, key))


def schemas() -> Iterator[Mutant]:
    file = Path("docs/openapi.json")
    for answer in ANSWERED.values():
        document = json.loads((ROOT / file).read_text(encoding="utf-8"))
        for name in document["components"]["schemas"][answer.shape.__name__]["properties"]:
            mutant = json.loads(json.dumps(document))
            del mutant["components"]["schemas"][answer.shape.__name__]["properties"][name]
            place = f"OpenAPI property {answer.shape.__name__}.{name}"
            yield Mutant(place=place, file=file, text=json.dumps(mutant))


def complete_values() -> Iterator[Mutant]:
    file = Path("tests/support/complete.py")
    text = (ROOT / file).read_text(encoding="utf-8")
    entities = {entity.__name__ for entity in STORED}
    for call in ast.walk(ast.parse(text)):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in entities
        ):
            for keyword in call.keywords:
                place = f"complete value {call.func.id}.{keyword.arg}"
                yield Mutant(place=place, file=file, text=_cut(text, keyword))


def snapshot_keys() -> Iterator[Mutant]:
    """A mutant for each key, but none for an erasure: it is dumped within its customer's row."""
    file = SOURCE / "adapters/memory/snapshot_converter.py"
    text = (ROOT / file).read_text(encoding="utf-8")
    omitted = "field.name == OMITTED.get(kind)"
    for entity in (*STORED, TenantRows, ErasedCustomer):
        for field in attrs.fields(entity):
            if entity is not Erasure and field.name != OMITTED.get(entity):
                place = f"snapshot key {entity.__name__}.{field.name}"
                taken = (entity.__name__, field.name)
                mutant = f"{omitted} or (kind.__name__, field.name) == {taken}"
                yield Mutant(place=place, file=file, text=text.replace(omitted, mutant))


def _is_text(node: ast.expr, value: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _cut(text: str, node: ast.AST) -> str:
    """The text without a node and the comma behind it; a statement becomes `pass`."""
    start, end = _span(text, node)
    behind = text[end:]
    if behind.startswith(","):
        end += 1
    return text[:start] + ("pass" if isinstance(node, ast.stmt) else "") + text[end:]


def _cut_pair(text: str, key: ast.expr, value: ast.expr) -> str:
    start, (_, end) = _span(text, key)[0], _span(text, value)
    return text[:start] + text[end + text[end:].startswith(",") :]


def _replaced(text: str, node: ast.AST, new: str) -> str:
    start, end = _span(text, node)
    return text[:start] + new + text[end:]


def _span(text: str, node: ast.AST) -> tuple[int, int]:
    """Where a node begins and ends in the text; columns of `ast` count bytes of UTF-8."""
    lines = text.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))

    def at(row: int, column: int) -> int:
        return offsets[row - 1] + len(lines[row - 1].encode()[:column].decode())

    return (
        at(node.lineno, node.col_offset),  # type: ignore[attr-defined]
        at(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
    )


def caught_by(checkout: Path, mutant: Mutant) -> str:
    """What notices the mutant, with the line that names the place; empty if nothing does."""
    original = (checkout / mutant.file).read_text(encoding="utf-8")
    (checkout / mutant.file).write_text(mutant.text, encoding="utf-8")
    try:
        for command in (["pytest", "-q", "-x", "-p", "no:randomly", *TESTS], ["mypy", "src"]):
            result = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=checkout,
                capture_output=True,
                text=True,
                check=False,
                env={"PYTHONPATH": f"{checkout}/src", "PATH": "/usr/bin:/bin"},
            )
            if result.returncode:
                return f"{command[0]}: {_named(result.stdout, mutant)}"
        return ""
    finally:
        (checkout / mutant.file).write_text(original, encoding="utf-8")


def _named(output: str, mutant: Mutant) -> str:
    """The first line of a report that names the field of the mutant."""
    name = mutant.place.rpartition(".")[2].partition(" ")[0]
    errors = [
        line for line in output.splitlines() if line.startswith(("E ", "src/")) and name in line
    ]
    return errors[0].strip()[:110] if errors else "UNNAMED"


def _checkout(folder: Path, number: int) -> Path:
    """A copy of this checkout."""
    checkout = folder / f"checkout-{number}"
    ignored = shutil.ignore_patterns(".git", ".venv", ".bench", "node_modules")
    return Path(shutil.copytree(ROOT, checkout, ignore=ignored))


@click.command()
@click.option("--only", default="", help="Only places whose description contains this text.")
def main(only: str) -> None:
    """Prints each place with what caught it; exit code 1 if any was not caught and named."""
    mutants = [
        mutant
        for make in (columns, answers, shapes, schemas, complete_values, snapshot_keys)
        for mutant in make()
        if only in mutant.place
    ]
    missed = 0
    checkouts = SimpleQueue[Path]()

    def catch(mutant: Mutant) -> str:
        checkout = checkouts.get()
        try:
            return caught_by(checkout, mutant)
        finally:
            checkouts.put(checkout)

    processors = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processors) as executor:
        for number in range(processors):
            checkouts.put(_checkout(Path(folder), number))
        for mutant, catcher in zip(mutants, executor.map(catch, mutants), strict=True):
            missed += not catcher or catcher.endswith("UNNAMED")
            click.echo(f"{'caught' if catcher else 'MISSED'}  {mutant.place}  {catcher}")
    click.echo(f"{len(mutants)} places, {len(mutants) - missed} caught and named")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
