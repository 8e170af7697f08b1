"""A rule as it is written, before its tree is read: a JSON value, or a string that holds one."""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import NoReturn, TypeAlias

from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import Problems

# From the root, the way to what holds it and its own key there.
_Way: TypeAlias = tuple["_Way", str | int] | None

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def unwrap(written: object, at: JsonPointer, problems: Problems) -> object:
    """The value itself; for a string the value inside it, once. None where there are problems."""
    value = _inside(written, at, problems) if isinstance(written, str) else written
    # Also what a rule ignores is echoed, so it has to be kept.
    for place in _not_storable(value, at):
        problems.add(place, "INVALID_VALUE", "must not hold NUL or half of a surrogate pair")
    return value


def _inside(text: str, at: JsonPointer, problems: Problems) -> object:
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_not_json)
    except RecursionError:
        problems.add(at, "TOO_DEEP", "must not be nested so deep")
    except ValueError:
        problems.add(at, "INVALID_FORMAT", "must be a rule, or a string with a rule in JSON")
    return None


def _number(digits: str) -> Decimal:
    """The exact number; infinite, which every gate refuses, beyond what decimals can hold."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("Infinity")


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _not_storable(value: object, at: JsonPointer) -> Iterator[JsonPointer]:
    """The places of strings, keys included, that no storage keeps; however deep, no recursion."""
    waiting: list[tuple[_Way, object]] = [(None, value)]
    while waiting:
        way, each = waiting.pop()
        if isinstance(each, dict):
            waiting.extend(((way, key), inner) for key, inner in each.items())
            if any(map(_NOT_STORABLE.search, each)):
                yield at.below(*_keys(way))
        elif isinstance(each, list | tuple):
            waiting.extend(((way, index), inner) for index, inner in enumerate(each))
        elif isinstance(each, str) and _NOT_STORABLE.search(each):
            yield at.below(*_keys(way))


def _keys(way: _Way) -> Sequence[str | int]:
    keys: list[str | int] = []
    while way is not None:
        way, key = way
        keys.append(key)
    return keys[::-1]
