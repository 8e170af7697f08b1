"""The gates that only the test API uses, and their JSON schemas."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, Self

from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.numbers import exact_number
from customers.core.model.values import TextGate
from customers.entrypoints.openapi.gate_schemas import Schema, schema_of

_LISTED: Final = TextGate(max_length=255, blank=False)


@frozen
class OperationGate:
    """The name of an existing operation; empty for any.

    Letter case is ignored, so that `recordOrder` names both the REST and the gRPC call.
    """

    _names: Mapping[str, str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Accepts `names`; for names that differ in letter case only, `read` returns the first."""
        return cls({operation_key(name): name for name in reversed(list(names))})

    def read(self, raw: object) -> str:
        key = operation_key(TextGate(max_length=100).read(raw))
        if key and key not in self._names:
            message = "unknown operation: use an operationId or the name of a gRPC method"
            raise InvalidValue("INVALID_VALUE", message)
        return self._names.get(key, "")


@frozen
class ObjectGate:
    def read(self, raw: object) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise InvalidValue("INVALID_TYPE", "must be an object")
        return raw


@frozen
class TextsGate:
    """A list of at most `limit` texts of 1 to 255 characters."""

    limit: int

    def read(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of texts")
        if len(raw) > self.limit:
            raise InvalidValue("MAX_LENGTH", f"must have at most {self.limit} texts")
        return tuple(map(_LISTED.read, raw))


@frozen
class SecondsGate:
    """How far the clock advances, in seconds."""

    def read(self, raw: object) -> Decimal:
        seconds = exact_number(raw)
        if seconds <= 0:
            raise InvalidValue("INVALID_VALUE", "must be more than 0: time only moves forward")
        return seconds


def operation_key(name: str) -> str:
    """The form in which names of operations are compared."""
    return name.casefold()


@schema_of.register
def _(_: OperationGate) -> Schema:
    return {"type": "string", "maxLength": 100}


@schema_of.register
def _(_: ObjectGate) -> Schema:
    return {"type": "object"}


@schema_of.register
def _(gate: TextsGate) -> Schema:
    return {"type": "array", "items": schema_of(_LISTED), "maxItems": gate.limit}


@schema_of.register
def _(_: SecondsGate) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0}
