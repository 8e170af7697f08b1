"""Collects the problems of one input, so that all of them are reported at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, TypeVar

from attrs import frozen

from customers.core.errors import Invalid, InvalidValue, Problem

# Without a limit, a megabyte of invalid input could cause a hundred megabytes of problems.
MAX_PROBLEMS = 100

T = TypeVar("T")


def too_many_problems(listed: int) -> Problem:
    """The last problem of a list that is cut off after `listed` problems."""
    message = f"there are more problems; only the first {listed} are listed"
    return Problem(field="", code="TOO_MANY_PROBLEMS", message=message)


TOO_MANY_PROBLEMS: Final = too_many_problems(MAX_PROBLEMS)


class Location(Protocol):
    """The location of a value: a readable name, and a JSON pointer if it is in a body."""

    @property
    def field(self) -> str: ...
    @property
    def pointer(self) -> str | None: ...


@frozen
class Name:
    """A location without a JSON pointer: a part of a REST path, or a field of a gRPC message."""

    field: str

    @property
    def pointer(self) -> None:
        return None


class Problems:
    """The distinct problems of one input, in the order of their addition.

    After the first 100, a last one says that there are more.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems: dict[Problem, None] = {}
        self._locations: set[tuple[str, str | None]] = set()
        if problems:
            self.extend(problems)

    def __bool__(self) -> bool:
        return bool(self._problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    @property
    def is_full(self) -> bool:
        """Whether no more problems can be added, so that checking can stop."""
        return len(self._problems) > MAX_PROBLEMS

    def add(self, location: Location, code: str, message: str) -> None:
        """Adds a problem, unless this location already has one."""
        if (location.field, location.pointer) not in self._locations:
            self.extend([InvalidValue(code, message).at(location.field, location.pointer)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Adds problems that were collected before, several at one location included."""
        for problem in problems:
            if len(self._problems) >= MAX_PROBLEMS and problem not in self._problems:
                self._problems[TOO_MANY_PROBLEMS] = None
                return
            self._problems[problem] = None
            self._locations.add((problem.field, problem.pointer))

    def read(self, gate: Callable[[object], T], raw: object, location: Location) -> T | None:
        """The value that the gate returns. If the gate raises InvalidValue, adds a problem and
        returns None. If `is_full`, returns None without calling the gate.
        """
        if self.is_full:
            return None
        try:
            return gate(raw)
        except InvalidValue as error:
            self.add(location, error.code, error.message)
            return None

    def raise_if_any(self) -> None:
        """Raises Invalid with all problems, if there are any."""
        if self._problems:
            raise Invalid(tuple(self._problems))
