"""Decodes JSON objects into attrs classes, and reports all bad fields at once.

Which values a field accepts is decided by the gates of the model, which are called here.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import cache, reduce
from itertools import islice
from operator import or_
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from customers.core.errors import InvalidValue, Problem
from customers.core.model.money import Currency, CurrencyCode, Money
from customers.core.model.order import OrderDate, RefundAmount, order_date, refund_amount
from customers.core.model.problems import Problems
from customers.core.model.segment import RulesText
from customers.core.model.values import Unset
from customers.core.ports.clock import Clock

# How similar an unknown key and a missing one must be for a hint, from 0 to 1.
_SIMILARITY = 0.8
# How many keys are compared, and how long they may be, because comparing is slow.
_MAX_KEYS, _MAX_KEY_LENGTH = 100, 100

Kind = TypeVar("Kind", bound=attrs.AttrsInstance)


class Nulls(Enum):
    """What null means: the key is absent, or (RFC 7396) the field is cleared."""

    ABSENT = "absent"
    CLEAR = "clear"


class Decoder:
    """Decodes parsed JSON objects; amounts are in the currency of the deployment."""

    def __init__(self, currency: Currency, clock: Clock) -> None:
        self._converter = Converter(detailed_validation=True)
        hook = self._converter.register_structure_hook
        hook(Money, lambda raw, _: currency.amount(raw))
        hook(RefundAmount, lambda raw, _: refund_amount(raw, currency))
        hook(CurrencyCode, lambda raw, _: currency.accept(raw))
        hook(OrderDate, lambda raw, _: order_date(raw, now=clock.now()))
        hook(RulesText, lambda raw, _: raw)
        self._converter.register_structure_hook_func(_has_gate, _through_gate)
        self._converter.register_structure_hook_factory(_may_be_unset, self._settable)
        self._converter.register_structure_hook_factory(attrs.has, self._by_camel_case)

    def decode(
        self,
        kind: type[Kind],
        body: Mapping[str, object],
        *,
        nulls: Nulls = Nulls.ABSENT,
        allowed: Collection[str] | None = None,
    ) -> Kind:
        """The body as a `kind`. Raises Invalid, which names every invalid field.

        Without `allowed`, unknown keys are ignored. With it, every key is refused that is neither
        the kind's own nor in `allowed`.
        """
        fields, problems, decoded = _fields(kind), Problems(), None
        try:
            decoded = self._converter.structure(_replace_nulls(body, fields, nulls), kind)
        except ClassValidationError as error:
            unknown = [key for key in islice(body, _MAX_KEYS) if key not in fields]
            problems.extend(_problems(error, unknown))
        if allowed is not None:
            problems.extend(unknown_keys(body, {*fields, *allowed}))
        problems.raise_if_any()
        return cast("Kind", decoded)

    def _settable(self, union: Any) -> Any:
        inner: Any = reduce(or_, (kind for kind in get_args(union) if kind is not Unset))
        return lambda raw, _: self._converter.structure(raw, inner)

    def _by_camel_case(self, kind: Any) -> Any:
        keys = {field.name: override(rename=camel(field.name)) for field in attrs.fields(kind)}
        return make_dict_structure_fn(kind, self._converter, **keys)  # type: ignore[arg-type]


@cache
def _fields(kind: type[attrs.AttrsInstance]) -> Mapping[str, "attrs.Attribute[Any]"]:
    """The fields of a class by their JSON keys."""
    return {camel(field.name): field for field in attrs.fields(kind)}


def given_fields(kind: type[attrs.AttrsInstance], body: Mapping[str, object]) -> frozenset[str]:
    """The names of the fields for which a body has another value than null."""
    fields = _fields(kind).items()
    return frozenset(field.name for key, field in fields if body.get(key) is not None)


def camel(name: str) -> str:
    """The JSON key of a field: `address_line1` becomes `addressLine1`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _has_gate(kind: Any) -> bool:
    return get_origin(kind) is Annotated and hasattr(get_args(kind)[1], "read")


def _through_gate(raw: object, kind: Any) -> object:
    return get_args(kind)[1].read(raw)


def _may_be_unset(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and Unset in get_args(kind)


def _replace_nulls(
    body: Mapping[str, object], fields: Mapping[str, "attrs.Attribute[Any]"], nulls: Nulls
) -> dict[str, object]:
    """The body without nulls. With CLEAR, the empty value of its field takes the place of a null; a
    null without such a value stays.
    """
    if nulls is Nulls.ABSENT:
        return {key: value for key, value in body.items() if value is not None}
    empties = {
        key: field.metadata["empty"] for key, field in fields.items() if "empty" in field.metadata
    }
    return {key: empties.get(key) if value is None else value for key, value in body.items()}


def unknown_keys(body: Mapping[str, object], allowed: Collection[str]) -> Iterator[Problem]:
    """A problem for each key that is not allowed; a very long key is cut off."""
    for key in body:
        if key not in allowed:
            name = key if len(key) <= _MAX_KEY_LENGTH else f"{key[:_MAX_KEY_LENGTH]}…"
            pointer = f"/{name.replace('~', '~0').replace('/', '~1')}"
            yield Problem(
                field=name, pointer=pointer, message="unknown field", code="UNKNOWN_FIELD"
            )


def _problems(error: ClassValidationError, unknown: Collection[str]) -> list[Problem]:
    """One problem for each invalid field. The problem of a missing field names the unknown key that
    was probably meant. Raises any other exception that a gate raised: it is a defect.
    """
    problems = []
    for cause, note in error.group_exceptions()[0]:
        key = camel(note.name)
        if isinstance(cause, InvalidValue):
            problem = cause
        elif isinstance(cause, KeyError):
            problem = InvalidValue("REQUIRED", f"is required{likely_key(key, unknown)}")
        else:
            raise cause
        problems.append(problem.at(key, f"/{key}"))
    return problems


def likely_key(missing: str, unknown: Collection[str]) -> str:
    """A question about the unknown key that resembles the missing one, such as `order_id` for
    `orderId`; empty if none does.
    """
    short = (key for key in unknown if len(key) <= _MAX_KEY_LENGTH)
    spelled = {key.replace("_", "").replace("-", "").lower(): key for key in short}
    likely = get_close_matches(missing.lower(), spelled, n=1, cutoff=_SIMILARITY)
    if not likely:
        return ""
    return f": the body has {json.dumps(spelled[likely[0]])}, did you mean {missing}?"
