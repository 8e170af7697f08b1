"""Reading query parameters: names in both spellings, every bad one named at once."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Self

from attrs import frozen
from multidict import MultiMapping

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.values import Gate

_WHOLE = re.compile(r"\+?(?=[0-9])0*([0-9]*)")
# No list is longer, and a number of any length is one.
_LONGEST_LIST = 10**15
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


@frozen
class Count:
    """A whole number from `least`, which is 0 or 1."""

    least: int = 1

    def read(self, raw: object) -> int:
        digits = _WHOLE.fullmatch(str(raw).strip())
        told = -1 if digits is None else int(digits[1][:16] or 0)
        if told < self.least:
            raise InvalidValue("INVALID_VALUE", f"must be a whole number from {self.least}")
        return min(told, _LONGEST_LIST)


@frozen(kw_only=True)
class Parameter:
    """One that a query may have: its snake_case name, what it may be, and is when absent.

    A list is comma-separated, or given several times. `says` is for people.
    """

    name: str
    gate: Gate
    default: Any = None
    is_list: bool = False
    is_required: bool = False
    says: str = ""


@frozen
class Sizes:
    """The two names of a page's size, which must not differ, and the most that is served."""

    page_size: Parameter
    limit: Parameter
    most: int

    @classmethod
    def of(cls, *, default: int, most: int) -> Self:
        says = f"Items per page; more than {most:,} is served as {most:,}."
        told: dict[str, Any] = {"gate": Count(), "default": default}
        return cls(
            Parameter(name="page_size", says=says, **told),
            Parameter(name="limit", says="The same as page_size.", **told),
            most,
        )

    def __iter__(self) -> Iterator[Parameter]:
        return iter((self.page_size, self.limit))


class Query:
    """The query parameters of a request. Read what there is to read, then `finish`.

    An empty parameter is as if absent; one given twice is refused, lists excepted.
    """

    def __init__(self, given: MultiMapping[str]) -> None:
        self._problems: list[Problem] = []
        self._given: dict[str, list[str]] = {}
        for name, value in given.items():
            self._given.setdefault(snake(name), []).append(value)

    def has(self, parameter: Parameter) -> bool:
        """Whether it was given, empty or not."""
        return parameter.name in self._given

    def raw(self, parameter: Parameter) -> str | None:
        """The parameter as it came, None when absent or empty."""
        if (given := self._given.get(parameter.name)) is None:
            return None
        values = [value for value in given if value.strip()]
        if len(values) > 1:
            self.refuse(parameter, "INVALID_VALUE", "must be given once")
        return values[0] if values else None

    def one(self, parameter: Parameter) -> Any:
        """The parameter's value through its gate."""
        value = self.raw(parameter)
        return parameter.default if value is None else self._through(parameter, value)

    def many(self, parameter: Parameter) -> list[Any]:
        """The values of a list."""
        given = self._given.get(parameter.name, ())
        parts = [part for value in given for part in value.split(",") if part.strip()]
        return [self._through(parameter, part) for part in parts]

    def size(self, sizes: Sizes) -> int:
        """A page's size, under either of its names."""
        given = [each for each in sizes if self.raw(each) is not None]
        told: set[int] = {self.one(each) for each in given or sizes}
        names = {each.name for each in sizes}
        if len(told) > 1 and not any(each.field in names for each in self._problems):
            self.refuse(sizes.limit, "INVALID_VALUE", "must agree with page_size")
        return min(*told, sizes.most)

    def refuse(self, parameter: Parameter, code: str, message: str) -> None:
        problem = Problem(field=parameter.name, message=message, code=code)
        if problem not in self._problems:
            self._problems.append(problem)

    def finish(self) -> None:
        """Raises Invalid when any parameter was refused."""
        if self._problems:
            raise Invalid(self._problems)

    def _through(self, parameter: Parameter, value: str) -> Any:
        try:
            return parameter.gate.read(value)
        except InvalidValue as refused:
            self.refuse(parameter, refused.code, refused.message)
            return parameter.default


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """The snake_case spelling: `customerType` is `customer_type`."""
    return _HUMP.sub(r"_\1", name).lower()
