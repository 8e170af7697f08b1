"""Builds models from the rows of their tables, and rows from models.

A mapping is derived once, at import, from the fields of a model and the columns of its table.
RowMappingError is raised unless these match, so that no field can be lost.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from asyncpg import Record
from attrs import fields, frozen, has
from sqlalchemy import Column, Table

from customers.adapters.postgres.engine.construction import constructor

Model = TypeVar("Model")
Row: TypeAlias = Record | Mapping[str, Any]
Converters: TypeAlias = Mapping[str, Callable[[Any], Any]]

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

    read: Callable[[Row], Model]
    """The model of a row that has all of `columns`; a row may have more."""

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
        self.read = _Reader(stored, decoders or {}).compile(model)
        self._names = tuple(column.name for column in self.columns)
        self._values = attrgetter(*(paths[name] for name in self._names))
        self._encoders = encoders or {}
        self._derived = derived or {}

    def read_values(self, values: Sequence[Any]) -> Model:
        """The model of the values of `columns`, in their order."""
        return self.read(dict(zip(self._names, values, strict=True)))

    def write(self, model: Model) -> dict[str, Any]:
        """The values of `columns` and of the derived columns, by name."""
        row = dict(zip(self._names, self._values(model), strict=True))
        for name, encode in self._encoders.items():
            row[name] = encode(row[name])
        for name, derive in self._derived.items():
            row[name] = derive(model)
        return row


@frozen
class _Reader:
    """Compiles a function from row to model as attrs compiles `__init__`: the call is written out,
    because most requests read rows, and a loop over the fields takes a quarter longer.
    """

    table: _Columns
    decoders: Converters

    def compile(self, model: type[Model]) -> Callable[[Row], Model]:
        scope: dict[str, Any] = {}
        call = self._call(model, scope)
        # Only names of our own classes and fields are in this text.
        read: Callable[[Row], Model] = eval(f"lambda row: {call}", scope)  # noqa: S307
        return read

    def _call(self, model: type[Any], scope: dict[str, Any]) -> str:
        """`Model(field=row["field"], …)`; adds the names that it uses to the scope."""
        scope[model.__name__] = constructor(model)
        arguments = (
            f"{name}={self._value(name, kind, scope)}" for name, kind in _field_types(model)
        )
        return f"{model.__name__}({', '.join(arguments)})"

    def _value(self, name: str, kind: Any, scope: dict[str, Any]) -> str:
        if _is_nested(name, kind, self.table):
            return self._call(kind, scope)
        decode = self.decoders.get(name, _decoder(kind))
        if decode is None:
            return f"row[{name!r}]"
        scope[f"decode_{name}"] = decode
        return f"decode_{name}(row[{name!r}])"


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
