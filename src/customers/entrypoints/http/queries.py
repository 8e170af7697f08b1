"""Reading query parameters: names in both spellings, every bad one named at once."""

import re
from functools import lru_cache
from typing import Any

from multidict import MultiMapping

from customers.core.errors import Invalid, Problem, Refused
from customers.core.model.values import Gate

_WHOLE = re.compile(r"\+?(?=[0-9])0*([0-9]*)")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Query:
    """The query parameters of a request. Read what there is to read, then `finish`.

    An empty parameter is as if absent; one given twice is refused, lists excepted.
    """

    def __init__(self, given: MultiMapping[str]) -> None:
        self._problems: list[Problem] = []
        self._given: dict[str, list[str]] = {}
        for name, value in given.items():
            self._given.setdefault(snake(name), []).append(value)

    def has(self, name: str) -> bool:
        """Whether it was given, empty or not."""
        return name in self._given

    def raw(self, name: str) -> str | None:
        """The parameter as it came, None when absent or empty."""
        if (given := self._given.get(name)) is None:
            return None
        values = [value for value in given if value.strip()]
        if len(values) > 1:
            self.refuse(name, "INVALID_VALUE", "must be given once")
        return values[0] if values else None

    def one(self, name: str, gate: Gate, default: Any = None) -> Any:
        """The parameter's value through its gate."""
        value = self.raw(name)
        return default if value is None else self._through(name, gate, value, default)

    def many(self, name: str, gate: Gate) -> list[Any]:
        """The values of a list: comma-separated, or given several times."""
        given = self._given.get(name, ())
        parts = [part for value in given for part in value.split(",") if part.strip()]
        return [self._through(name, gate, part, None) for part in parts]

    def number(self, name: str, *, default: int, least: int = 1, most: int | None = None) -> int:
        """A whole number from `least` (0 or 1); beyond `most` it is `most`."""
        value = self.raw(name)
        if value is None:
            return default
        digits = _WHOLE.fullmatch(value.strip())
        # No list is longer, and a number of any length is one.
        told = -1 if digits is None else int(digits[1][:16] or 0)
        if told < least:
            self.refuse(name, "INVALID_VALUE", f"must be a whole number from {least}")
            return default
        return min(told, most or 10**15)

    def size(self, *, default: int, most: int) -> int:
        """A page's size, as `page_size` or `limit`, which must not differ."""
        size = self.number("page_size", default=default)
        limit = self.number("limit", default=size)
        if self.raw("page_size") is not None and size != limit:
            self.refuse("limit", "INVALID_VALUE", "must agree with page_size")
        return min(limit, most)

    def refuse(self, name: str, code: str, message: str) -> None:
        problem = Problem(field=name, message=message, code=code)
        if problem not in self._problems:
            self._problems.append(problem)

    def finish(self) -> None:
        """Raises Invalid when any parameter was refused."""
        if self._problems:
            raise Invalid(self._problems)

    def _through(self, name: str, gate: Gate, value: str, default: Any) -> Any:
        try:
            return gate.read(value)
        except Refused as refused:
            self.refuse(name, refused.code, refused.message)
            return default


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """The snake_case spelling: `customerType` is `customer_type`."""
    return _HUMP.sub(r"_\1", name).lower()
