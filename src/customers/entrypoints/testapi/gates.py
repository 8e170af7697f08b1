"""What only the test API lets through, and what its OpenAPI document says of it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Self

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.numbers import exact_number
from customers.core.model.values import TextGate
from customers.entrypoints.openapi.gate_schemas import Schema, schema_of


@frozen
class OperationGate:
    """The name of an operation that there is; empty for any. Letter case does not count, so that
    the name of a use case means its call over REST and over gRPC alike.
    """

    _known: Mapping[str, str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Of names that mean the same the first one is read."""
        return cls({folded(each): each for each in reversed(list(names))})

    def read(self, raw: object) -> str:
        name = TextGate(max_length=100).read(raw)
        if name and folded(name) not in self._known:
            raise InvalidValue(
                "INVALID_VALUE", "is no operation: take an operationId or a gRPC method"
            )
        return self._known.get(folded(name), "")


@frozen
class ObjectGate:
    def read(self, raw: object) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise InvalidValue("INVALID_TYPE", "must be an object")
        return raw


@frozen
class SecondsGate:
    """How far time moves: only forward."""

    def read(self, raw: object) -> Decimal:
        seconds = exact_number(raw)
        if seconds <= 0:
            raise InvalidValue("INVALID_VALUE", "must be more than 0: time only moves forward")
        return seconds


def folded(name: str) -> str:
    """What makes two names of operations the same."""
    return name.casefold()


@schema_of.register
def _(_: OperationGate) -> Schema:
    return {"type": "string", "maxLength": 100}


@schema_of.register
def _(_: ObjectGate) -> Schema:
    return {"type": "object"}


@schema_of.register
def _(_: SecondsGate) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0}
