"""Rules as callers send them: a JSON value, or a string that contains one."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias

from customers.core.model.json_pointer import JsonPointer
from customers.core.model.problems import Problems
from customers.core.model.repeated_keys import RepeatedKey, unique_members
from customers.core.model.rules.cost import check_written

# The path from the root to a value, as a linked list: the path of the container, and a key in it.
_Path: TypeAlias = tuple["_Path", str | int] | None

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def decode_embedded_json(
    value: object, location: JsonPointer, problems: Problems, *, allows_repeats: bool = False
) -> object:
    """The value; if it is a string, the JSON value that the string contains, None for a blank
    string. Adds a problem and returns None if the string is not JSON, is nested too deeply, or has
    a key twice in one object while `allows_repeats` is False. Raises Invalid for a string that is
    too long for a rule.
    """
    if not isinstance(value, str):
        return value
    check_written(value, location)
    return _decode(value, location, problems, dict if allows_repeats else unique_members)


def find_unstorable(value: object, location: JsonPointer, problems: Problems) -> None:
    """Adds problems for texts that cannot be stored, also for keys that a rule ignores: they are
    stored too, because answers repeat the rules as they were written.
    """
    for unstorable in _not_storable(value, location):
        message = "must not contain NUL or unpaired surrogates"
        problems.add(unstorable, "INVALID_VALUE", message)


def _decode(
    text: str,
    location: JsonPointer,
    problems: Problems,
    members: Callable[[list[tuple[str, Any]]], dict[str, Any]],
) -> object:
    if not text.strip():
        return None
    try:
        return json.loads(
            text,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_not_json,
            object_pairs_hook=members,
        )
    except RecursionError:
        problems.add(location, "TOO_DEEP", "must not be nested so deeply")
    except RepeatedKey as error:
        problems.add(location, "DUPLICATE_KEY", str(error))
    except ValueError:
        problems.add(location, "INVALID_FORMAT", "must be a rule, or a string with a rule in JSON")
    return None


def _number(digits: str) -> Decimal:
    """The exact number. Beyond the range of decimals it is infinity, which every gate refuses."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("Infinity")


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _not_storable(root: object, location: JsonPointer) -> Iterator[JsonPointer]:
    """The locations of strings, and of objects with keys, that PostgreSQL cannot store."""
    stack: list[tuple[_Path, object]] = [(None, root)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend(((path, key), inner) for key, inner in value.items())
            if any(map(_NOT_STORABLE.search, value)):
                yield location.below(*_keys(path))
        elif isinstance(value, list | tuple):
            stack.extend(((path, index), inner) for index, inner in enumerate(value))
        elif isinstance(value, str) and _NOT_STORABLE.search(value):
            yield location.below(*_keys(path))


def _keys(path: _Path) -> Sequence[str | int]:
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    return keys[::-1]
