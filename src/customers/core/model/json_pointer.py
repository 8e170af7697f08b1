"""Where a rule is wrong, and the list of what is wrong with it.

What is wrong is decided by those who read: `written`, `parse` and `operands`.
"""

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from customers.core.errors import Invalid, InvalidValue, Problem

# A megabyte of nonsense would otherwise be answered by a hundred megabytes of problems.
MOST_PROBLEMS = 1_000

T = TypeVar("T")


@frozen
class JsonPointer:
    """A place in a JSON value, by the keys and positions that lead to it."""

    keys: tuple[str | int, ...] = ()

    def below(self, *keys: str | int) -> "JsonPointer":
        return JsonPointer(self.keys + keys)

    @property
    def pointer(self) -> str:
        """RFC 6901. Half a surrogate pair, which cannot be shown, becomes a question mark."""
        return "".join(f"/{_shown(key).replace('~', '~0').replace('/', '~1')}" for key in self.keys)

    @property
    def field(self) -> str:
        """For people: `conditions[0].value`."""
        named = (f"[{key}]" if isinstance(key, int) else f".{_shown(key)}" for key in self.keys)
        return "".join(named).removeprefix(".")


class Problems:
    """All that is wrong with one rule: one problem per place, the first 1,000 of them."""

    def __init__(self) -> None:
        self._found: dict[JsonPointer, Problem] = {}

    @property
    def is_full(self) -> bool:
        return len(self._found) >= MOST_PROBLEMS

    def add(self, at: JsonPointer, code: str, message: str) -> None:
        if not self.is_full and at not in self._found:
            self._found[at] = InvalidValue(code, message).at(at.field, at.pointer)

    def read(self, gate: Callable[[object], T], raw: object, at: JsonPointer) -> T | None:
        """What the gate makes of the value; None when it refuses it, or nobody would be told."""
        if self.is_full:
            return None
        try:
            return gate(raw)
        except InvalidValue as refused:
            self.add(at, refused.code, refused.message)
            return None

    def settle(self) -> None:
        """Raises Invalid with all problems, if there are any."""
        if self._found:
            raise Invalid(tuple(self._found.values()))


def _shown(key: str | int) -> str:
    return str(key).encode("utf-8", "replace").decode("utf-8")
