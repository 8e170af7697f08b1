"""Builds models from the rows of their tables, and rows from models.

A mapping is derived once, at import, from the fields of a model and the columns of its table.
RowMappingError is raised unless these match, so that no field can be lost.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from asyncpg import Record
from attrs import fields, frozen, has
from sqlalchemy import Column, Table

from customers.adapters.postgres.engine.construction import draft_of

Model = TypeVar("Model")
Row: TypeAlias = Record | Mapping[str, Any]
Converters: TypeAlias = Mapping[str, Callable[[Any], Any]]
Reader: TypeAlias = Callable[[Iterable[Any]], Any]

_SESSION_COLUMN = "tenant_id"


class RowMappingError(TypeError):
    """The fields of a model and the columns of its table do not match."""


@frozen
class _Columns:
    """The columns in which a model is stored, by name, and the name of its table."""

    name: str
    columns: Mapping[str, Column[Any]]

    @classmethod
    def of(cls, table: Table, beside: Table | None) -> "_Columns":
        tables = [table] if beside is None else [table, beside]
        columns: dict[str, Column[Any]] = {}
        for column in (column for one in tables for column in one.columns):
            columns.setdefault(column.name, column)
        return cls(" and ".join(one.name for one in tables), columns)


class RowMapping(Generic[Model]):
    """How one model is stored in a table, or in a table and another `beside` it, which is joined:
    each field in the column of its name. A name in both is the first table's.

    A field of an attrs class without such a column is stored in the columns of its own fields.
    Enums are read by their value, tuples from arrays. Other columns may have a function by name, in
    `decoders` for reading and in `encoders` for writing. `derived` columns are computed from the
    model on writing and not read back; `storage_only` columns are not part of the model, nor is
    `tenant_id` where it is not a field: the session sets it.
    """

    def __init__(
        self,
        model: type[Model],
        table: Table,
        *,
        beside: Table | None = None,
        decoders: Converters | None = None,
        encoders: Converters | None = None,
        derived: Converters | None = None,
        storage_only: Collection[str] = (),
    ) -> None:
        stored = _Columns.of(table, beside)
        paths = _paths(model, stored)
        _check(model, stored, paths, {*(derived or {}), *storage_only})
        self.model, self.table = model, table
        self.storage_only = frozenset(storage_only)
        self.columns = tuple(one for name, one in stored.columns.items() if name in paths)
        self._compiler = _Compiler(stored, decoders or {})
        self._readers = dict[tuple[str, ...], Reader]()
        self._names = tuple(column.name for column in self.columns)
        self._values = attrgetter(*(paths[name] for name in self._names))
        self._encoders = encoders or {}
        self._derived = derived or {}

    def read(self, row: Row) -> Model:
        """The model of a row that has all of `columns`; a row may have more."""
        model: Model = self._reader_of(tuple(row.keys()))(row.values())
        return model

    def read_all(self, rows: Sequence[Row]) -> list[Model]:
        """The models of rows that have the same columns in one order, as those of a statement."""
        if not rows:
            return []
        read = self._reader_of(tuple(rows[0].keys()))
        return [read(row.values()) for row in rows]

    def read_values(self, values: Sequence[Any]) -> Model:
        """The model of the values of `columns`, in their order."""
        model: Model = self._reader_of(self._names)(values)
        return model

    def write(self, model: Model) -> dict[str, Any]:
        """The values of `columns` and of the derived columns, by name."""
        row = dict(zip(self._names, self._values(model), strict=True))
        for name, encode in self._encoders.items():
            row[name] = encode(row[name])
        for name, derive in self._derived.items():
            row[name] = derive(model)
        return row

    def _reader_of(self, names: tuple[str, ...]) -> Reader:
        read = self._readers.get(names)
        if read is None:
            read = self._readers[names] = self._compiler.compile(self.model, names)
        return read


@frozen
class _Compiler:
    """Compiles functions that make a model of the values of a row, as attrs compiles `__init__`:
    most requests read rows, and looking up each value by its name takes four times as long.
    """

    table: _Columns
    decoders: Converters

    def compile(self, model: type[Any], names: Sequence[str]) -> Reader:
        """Compiles the function for rows whose columns have these names, in this order. Raises
        KeyError for a column that is not among them.
        """
        variables = {name: f"value{place}" for place, name in enumerate(names)}
        scope: dict[str, Any] = {}
        *lines, made = self._lines(model, variables, scope)
        unpacked = ", ".join(f"value{place}" for place in range(len(names)))
        body = [f"({unpacked},) = values", *lines, f"return {made}"]
        # Only names of our own classes and fields are in this text.
        exec("def read(values):\n" + "".join(f"    {line}\n" for line in body), scope)  # noqa: S102
        read: Reader = scope["read"]
        return read

    def _lines(
        self, model: type[Any], variables: Mapping[str, str], scope: dict[str, Any]
    ) -> list[str]:
        """The lines that make the model, the last of which is its variable; adds the names that
        they use to the scope.
        """
        name, lines, values = model.__name__, list[str](), dict[str, str]()
        scope[name] = model
        for field, kind in _field_types(model):
            if _is_nested(field, kind, self.table):
                *before, values[field] = self._lines(kind, variables, scope)
                lines += before
            else:
                values[field] = self._value(field, kind, variables[field], scope)
        made = f"made_{name}"
        if (draft := draft_of(model)) is None:
            arguments = ", ".join(f"{field}={value}" for field, value in values.items())
            return [*lines, f"{made} = {name}({arguments})", made]
        scope[draft.__name__] = draft
        assigned = [f"{made}.{field} = {value}" for field, value in values.items()]
        return [
            *lines,
            f"{made} = {draft.__name__}()",
            *assigned,
            f"{made}.__class__ = {name}",
            made,
        ]

    def _value(self, field: str, kind: Any, variable: str, scope: dict[str, Any]) -> str:
        decode = self.decoders.get(field, _decoder(kind))
        if decode is None:
            return variable
        scope[f"decode_{field}"] = decode
        return f"decode_{field}({variable})"


def _decoder(kind: Any) -> Callable[[Any], Any] | None:
    """The function that turns a column's value into a field of this type; None if the value is used
    as it is.
    """
    for member in get_args(kind) if isinstance(kind, UnionType) else (kind,):
        if isinstance(member, type) and issubclass(member, Enum):
            # A look-up takes a tenth of the time of a call of the enum.
            return {None: None, **{option.value: option for option in member}}.__getitem__
        if get_origin(member) is tuple:
            return tuple
    return None


def _paths(model: type[Any], table: _Columns) -> dict[str, str]:
    """The path of attributes to each column's value in the model, by the column's name."""
    paths: dict[str, str] = {}
    for name, path in _column_paths(model, table):
        if name in paths:
            raise RowMappingError(
                f"{model.__name__}.{paths[name]} and {model.__name__}.{path} have the same column "
                f"in {table.name}: rename one of them"
            )
        paths[name] = path
    return paths


def _column_paths(model: type[Any], table: _Columns) -> Iterator[tuple[str, str]]:
    for name, kind in _field_types(model):
        if _is_nested(name, kind, table):
            for column, path in _column_paths(kind, table):
                yield column, f"{name}.{path}"
        else:
            yield name, name


def _field_types(model: type[Any]) -> Iterator[tuple[str, Any]]:
    types = get_type_hints(model)
    return ((field.name, types[field.name]) for field in fields(model))


def _is_nested(name: str, kind: Any, table: _Columns) -> bool:
    return name not in table.columns and isinstance(kind, type) and has(kind)


def _check(
    model: type[Any], table: _Columns, paths: Mapping[str, str], declared: Collection[str]
) -> None:
    columns = set(table.columns)
    for name, path in paths.items():
        if name not in columns:
            raise RowMappingError(
                f"{model.__name__}.{path} has no column in {table.name}: "
                "add the column and a migration"
            )
    for name in sorted(columns - {*paths, *declared, _SESSION_COLUMN}):
        raise RowMappingError(
            f"the column {table.name}.{name} is not a field of {model.__name__}: add the field, or "
            "declare the column as derived or storage_only"
        )
    for name in sorted(set(declared) - (columns - {*paths})):
        raise RowMappingError(
            f"{name} is declared as derived or storage_only for {model.__name__}, but is a field "
            f"or not a column of {table.name}: remove the declaration"
        )
