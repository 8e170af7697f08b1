"""Reads query strings as attrs classes, in which each field with a gate is a parameter.

    status: tuple[Annotated[CustomerStatus, ChoiceGate(CustomerStatus)], ...] = ()
    page: Annotated[int, CountGate(), "The page number, from 1."] = 1

A parameter has the name of its field, in snake_case or camelCase. A field with a PageSizeLimit is
two parameters, `page_size` and `limit`. An empty parameter counts as absent, unless its gate
`keeps_empty`, or it is unknown and its name looks like that of such a parameter. A list is
comma-separated or repeated; no other parameter may be repeated. Unknown parameters are refused if
the query class `is_of_list`. Other classes ignore them, except those that look like a parameter of
theirs, or ask for a page by number of what a cursor walks.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, AttrsInstance, fields
from multidict import MultiMapping

from customers.core.errors import Problem
from customers.core.model.problems import Problems
from customers.entrypoints.http.gates import CursorGate, PageSizeLimit
from customers.entrypoints.http.parameters import PageSize, Parameter
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.unknown_parameters import (
    misspelt_parameters,
    resembles,
    unknown_parameters,
)

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Query(AttrsInstance):
    """The base of all query classes."""

    __slots__ = ()
    is_of_list: ClassVar[bool] = False
    """Whether all unknown parameters are refused, as they are by most queries of lists."""

    def bind(self, context: RequestContext, problems: Problems) -> Self:  # noqa: ARG002
        """The query, completed from the request. Adds the problems that no gate can find."""
        return self


class QueryReader:
    """Reads query strings as instances of one class, whose fields are resolved once."""

    def __init__(self, query_class: type[Query]) -> None:
        self._class = query_class
        self._readers = readers_of(query_class)
        self._fields = {
            parameter.name: name
            for name, reader in self._readers.items()
            for parameter in _parameters(reader)
        }
        self._keep_empty = [
            parameter.name
            for reader in self._readers.values()
            for parameter in _parameters(reader)
            if parameter.keeps_empty
        ]
        self._defaults = {
            name: reader.read({}, Problems()) for name, reader in self._readers.items()
        }
        self._places = {name: place for place, name in enumerate(self._defaults)}
        self._empty = query_class(**self._defaults)

    def read(self, context: RequestContext) -> Query:
        """The query. A problem for every bad parameter is added to those of the context, in the
        order of the fields.
        """
        query, problems = self._empty, Problems()
        if context.request.query_string:
            query = self._decode(context.request.query, problems)
        query = query.bind(context, problems)
        context.problems.extend(sorted(problems, key=self._place))
        return query

    def _refuse_unknown(self, query: MultiMapping[str], problems: Problems) -> None:
        spelled = [
            (name, snake(name))
            for name, text in query.items()
            if text or resembles(snake(name), self._keep_empty)
        ]
        refused = unknown_parameters if self._class.is_of_list else misspelt_parameters
        problems.extend(refused(spelled, self._fields))

    def _decode(self, query: MultiMapping[str], problems: Problems) -> Query:
        self._refuse_unknown(query, problems)
        params: dict[str, list[str]] = {}
        for name, text in query.items():
            params.setdefault(snake(name), []).append(text)
        present = {self._fields[name] for name in params if name in self._fields}
        if not present:
            return self._empty
        values = {name: self._readers[name].read(params, problems) for name in present}
        return self._class(**{**self._defaults, **values})

    def _place(self, problem: Problem) -> int:
        """The sort key of a problem: known parameters in the order of their fields, then others."""
        field = self._fields.get(problem.field)
        return len(self._places) if field is None else self._places[field]


@cache
def reader_of(query_class: type[Query]) -> QueryReader:
    return QueryReader(query_class)


@cache
def parameters_of(query_class: type[Query] | None) -> Sequence[Parameter]:
    """The parameters of a query class in the order of its fields; none without a class."""
    if query_class is None:
        return ()
    readers = readers_of(query_class).values()
    return tuple(parameter for reader in readers for parameter in _parameters(reader))


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """The snake_case spelling: `customerType` becomes `customer_type`."""
    return _HUMP.sub(r"_\1", name).lower()


def _parameters(reader: Parameter | PageSize) -> Sequence[Parameter]:
    return (reader,) if isinstance(reader, Parameter) else (reader.page_size, reader.limit)


def readers_of(query_class: type[Query]) -> dict[str, Parameter | PageSize]:
    """The reader of each parameter field; a class's own fields come before inherited ones."""
    depths = {
        name: depth
        for depth, owner in reversed(list(enumerate(query_class.__mro__)))
        for name in vars(owner).get("__annotations__", ())
    }
    hints = get_type_hints(query_class, include_extras=True)
    return {
        attribute.name: reader
        for attribute in sorted(fields(query_class), key=lambda attribute: depths[attribute.name])
        for reader in _reader(attribute.name, hints[attribute.name], attribute.default)
    }


def _reader(name: str, hint: Any, default: Any) -> Iterator[Parameter | PageSize]:
    """The reader of a field; none for a field with neither a gate nor a PageSizeLimit."""
    kind, annotations = _unpack(hint)
    is_list = get_origin(kind) is tuple
    gates = _unpack(get_args(kind)[0])[1] if is_list else annotations
    for limit in annotations:
        if isinstance(limit, PageSizeLimit):
            yield PageSize.of(default=default, max_size=limit.limit)
    gate = next((gate for gate in gates if hasattr(gate, "read")), None)
    if gate is not None:
        yield Parameter(
            name=name,
            gate=gate,
            default=None if default is NOTHING else default,
            description=next((text for text in annotations if isinstance(text, str)), ""),
            is_list=is_list,
            is_required=default is NOTHING,
            keeps_empty=isinstance(gate, CursorGate) and gate.keeps_empty,
        )


def _unpack(hint: Any) -> tuple[Any, Sequence[Any]]:
    """The type and the annotations of a hint that may be optional."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if get_origin(hint) is not Annotated:
        return hint, ()
    kind, *annotations = get_args(hint)
    return kind, annotations
