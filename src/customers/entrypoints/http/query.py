"""Reads query strings as attrs classes, in which each field with a gate is a parameter.

    status: tuple[Annotated[CustomerStatus, ChoiceGate(CustomerStatus)], ...] = ()
    page: Annotated[int, CountGate(), "The page number, from 1."] = 1

The name of a parameter is the field's, in snake_case or camelCase. An empty parameter is absent. A
list is comma-separated or repeated; nothing else may be repeated. Unknown parameters are ignored.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, Self, TypeAlias, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, AttrsInstance, fields, frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.values import Gate
from customers.entrypoints.http.gates import CountGate, CursorGate, PageSizeGate
from customers.entrypoints.http.request import RequestContext

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")

Texts: TypeAlias = Mapping[str, Sequence[str]]


class Query(AttrsInstance):
    """The base of all query classes."""

    __slots__ = ()

    def bind(self, context: RequestContext, problems: list[Problem]) -> Self:  # noqa: ARG002
        """The query for this request. Adds the problems that no gate can find."""
        return self


@frozen(kw_only=True)
class Parameter:
    """One parameter: its snake_case name, its gate, and its description for OpenAPI.

    A parameter with `keeps_empty` is the empty text when it is empty, and not its default.
    """

    name: str
    gate: Gate
    default: Any = None
    description: str = ""
    is_list: bool = False
    is_required: bool = False
    keeps_empty: bool = False

    def texts(self, params: Texts, problems: list[Problem]) -> list[str]:
        """Its texts that are not blank: at most one, or the items of a list."""
        values = params.get(self.name, ())
        if self.is_list:
            return [item for value in values for item in value.split(",") if item.strip()]
        filled = [value for value in values if value.strip()]
        if len(filled) > 1:
            self.refuse("INVALID_VALUE", "must be given once", problems)
        return filled[:1]

    def read(self, params: Texts, problems: list[Problem]) -> Any:
        """The value, or the default."""
        texts = self.texts(params, problems)
        if self.is_list:
            # An invalid item remains in the list, so that no cursor matches these filters.
            return tuple(self.convert(text, text, problems) for text in texts)
        if texts:
            return self.convert(texts[0], self.default, problems)
        return "" if self.keeps_empty and self.name in params else self.default

    def convert(self, text: str, fallback: Any, problems: list[Problem]) -> Any:
        """The value of one text; the fallback, and a problem, if the gate refuses it."""
        try:
            return self.gate.read(text)
        except InvalidValue as error:
            self.refuse(error.code, error.message, problems)
            return fallback

    def refuse(self, code: str, message: str, problems: list[Problem]) -> None:
        problem = Problem(field=self.name, message=message, code=code)
        if problem not in problems:
            problems.append(problem)


@frozen
class PageSize:
    """The parameters `page_size` and `limit`, which must agree if both are given."""

    page_size: Parameter
    limit: Parameter
    max_size: int

    @classmethod
    def of(cls, *, default: int, max_size: int) -> Self:
        described = f"Items per page; values above {max_size:,} are treated as {max_size:,}."
        page_size, limit = (
            Parameter(name=name, gate=CountGate(), default=default, description=description)
            for name, description in (("page_size", described), ("limit", "Same as `page_size`."))
        )
        return cls(page_size, limit, max_size)

    def read(self, params: Texts, problems: list[Problem]) -> int:
        own: list[Problem] = []
        names = [(name, name.texts(params, own)) for name in (self.page_size, self.limit)]
        sizes = {name.convert(texts[0], name.default, own) for name, texts in names if texts}
        if len(sizes) > 1 and not own:
            self.limit.refuse("INVALID_VALUE", "must agree with page_size", own)
        problems.extend(own)
        return min(*sizes, self.max_size) if sizes else int(self.limit.default)


class QueryReader:
    """Reads query strings as one class; the fields of the class are resolved once."""

    def __init__(self, query_class: type[Query]) -> None:
        self._class = query_class
        self._readers = _readers(query_class)
        self._fields = {
            parameter.name: name
            for name, reader in self._readers.items()
            for parameter in _parameters(reader)
        }
        self._defaults = {name: reader.read({}, []) for name, reader in self._readers.items()}
        self._places = {name: place for place, name in enumerate(self._defaults)}
        self._empty = query_class(**self._defaults)

    def read(self, context: RequestContext) -> Query:
        """Raises Invalid, which names every bad parameter, in the order of the fields."""
        query, problems = self._empty, list[Problem]()
        if context.request.query_string:
            params: dict[str, list[str]] = {}
            for name, text in context.request.query.items():
                params.setdefault(snake(name), []).append(text)
            query = self._decode(params, problems)
        query = query.bind(context, problems)
        if problems:
            raise Invalid(sorted(problems, key=self._place))
        return query

    def _decode(self, params: Texts, problems: list[Problem]) -> Query:
        present = {self._fields[name] for name in params if name in self._fields}
        if not present:
            return self._empty
        values = {name: self._readers[name].read(params, problems) for name in present}
        return self._class(**{**self._defaults, **values})

    def _place(self, problem: Problem) -> int:
        return self._places[self._fields[problem.field]]


@cache
def reader_of(query_class: type[Query]) -> QueryReader:
    return QueryReader(query_class)


@cache
def parameters_of(query_class: type[Query] | None) -> Sequence[Parameter]:
    """The parameters of a query class in the order of its fields; none without a class."""
    if query_class is None:
        return ()
    readers = _readers(query_class).values()
    return tuple(parameter for reader in readers for parameter in _parameters(reader))


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """The snake_case spelling: `customerType` is `customer_type`."""
    return _HUMP.sub(r"_\1", name).lower()


def _parameters(reader: Parameter | PageSize) -> Sequence[Parameter]:
    return (reader,) if isinstance(reader, Parameter) else (reader.page_size, reader.limit)


def _readers(query_class: type[Query]) -> dict[str, Parameter | PageSize]:
    """The reader of each field; a class's own fields come before those that it inherits."""
    hints = get_type_hints(query_class, include_extras=True)
    return {
        attribute.name: reader
        for attribute in sorted(fields(query_class), key=lambda attribute: attribute.inherited)
        for reader in _reader(attribute.name, hints[attribute.name], attribute.default)
    }


def _reader(name: str, hint: Any, default: Any) -> Iterator[Parameter | PageSize]:
    """No reader for a field without a gate."""
    kind, annotations = _unpack(hint)
    is_list = get_origin(kind) is tuple
    gates = _unpack(get_args(kind)[0])[1] if is_list else annotations
    gate = next((gate for gate in gates if hasattr(gate, "read")), None)
    if isinstance(gate, PageSizeGate):
        yield PageSize.of(default=default, max_size=gate.limit)
    elif gate is not None:
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
