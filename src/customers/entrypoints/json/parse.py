"""Parses the bytes of a body as a JSON object of limited depth and number of values.

What the object must contain is checked in `decode.py`.
"""

import json
import re
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NoReturn

from customers.core.errors import Invalid
from customers.core.model.repeated_keys import RepeatedKey, unique_members

NOT_AN_OBJECT: Final = "the body must be a JSON object"
MAX_LEVELS: Final = 200
# More than any body needs: a thousand orders with thirty keys each.
MAX_VALUES: Final = 32_768
# Up to this size a body is parsed so fast that its values need not be counted first.
_SMALL: Final = 64 * 1024

# A string; also one without an end, so that no input is scanned twice.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def parse_object(raw: bytes, max_values: int = MAX_VALUES) -> dict[str, Any]:
    """The object. Numbers with a fraction or an exponent become exact decimals. Raises Invalid."""
    if len(raw) > _SMALL:
        _count_values(raw, max_values)
    value = _decode(raw)
    if not isinstance(value, dict):
        raise Invalid.at("", "INVALID_TYPE", NOT_AN_OBJECT)
    if _is_too_deep(value):
        raise Invalid.at(*_TOO_DEEP)
    return value


def _count_values(raw: bytes, max_values: int) -> None:
    """Raises Invalid for more than `max_values` values: making them would delay other requests."""
    if _has_more_values(raw, max_values):
        message = f"the body must not have more than {max_values:,} values"
        raise Invalid.at("", "TOO_MANY_VALUES", message)


def _has_more_values(raw: bytes, max_values: int) -> bool:
    if _count(raw) <= max_values:
        return False
    # Each string has one or two quotes that no backslash precedes, and is a key or a value. So with
    # more than four such quotes for each value there are too many values, and the strings need not
    # be removed one by one, which would take a while.
    if raw.count(b'"') - raw.count(b'\\"') > 4 * max_values:
        return True
    return _count(_STRING.sub(b"", raw)) > max_values


def _count(structure: bytes) -> int:
    """The number of values, estimated by the number of commas and opening brackets; those in
    strings count too.
    """
    return structure.count(b",") + structure.count(b"[") + structure.count(b"{")


def _decode(raw: bytes) -> object:
    try:
        return _JSON.decode(raw.decode("utf-8"))
    except RecursionError as error:
        raise Invalid.at(*_TOO_DEEP) from error
    except RepeatedKey as error:
        raise Invalid.at("", "DUPLICATE_KEY", str(error)) from error
    except (ValueError, ArithmeticError) as error:
        raise Invalid.at("", "INVALID_JSON", "the body is not valid JSON") from error


def _is_too_deep(value: dict[str, Any]) -> bool:
    """Whether the value has more than MAX_LEVELS levels, on which recursive code could fail."""
    level: list[Any] = [value]
    for _ in range(MAX_LEVELS):
        containers = [child for child in level if isinstance(child, dict | list)]
        if not containers:
            return False
        children = (one.values() if isinstance(one, dict) else one for one in containers)
        level = list(chain.from_iterable(children))
    return any(isinstance(child, dict | list) for child in level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON: Final = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=unique_members
)
_TOO_DEEP: Final = (
    "",
    "TOO_DEEP",
    f"the body must not be nested more than {MAX_LEVELS} levels deep",
)
