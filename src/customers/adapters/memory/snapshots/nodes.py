"""Places in dumped data, the rows that stand there, and the list of what is wrong with them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from attrs import define, field, frozen

from customers.adapters.memory.snapshots.shapes import Shape
from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.money import Currency

T = TypeVar("T")

# A snapshot of the wrong kind would otherwise be answered by one that is as long.
MOST_PROBLEMS = 1_000


@define(eq=False)
class Findings:
    """What is wrong. Rows that contradict each other are told only when each is right by itself."""

    _refused: list[Problem] = field(factory=list, init=False)
    _contradictions: list[Problem] = field(factory=list, init=False)

    def refuse(self, problem: Problem) -> None:
        self._refused.append(problem)

    def contradict(self, problem: Problem) -> None:
        self._contradictions.append(problem)

    def settle(self) -> None:
        """Raises Invalid when anything is wrong."""
        if problems := self._refused or self._contradictions:
            raise Invalid(problems[:MOST_PROBLEMS])


@frozen(kw_only=True)
class Node:
    """A value of dumped data, and where it stands."""

    value: object
    place: JsonPointer
    currency: Currency
    _findings: Findings

    def below(self, key: str) -> "Node":
        """What stands under the key; None where nothing does."""
        return self._at(key, self.value.get(key) if isinstance(self.value, dict) else None)

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """What stands in an object, by its keys."""
        if not isinstance(self.value, dict):
            self.refuse(InvalidValue("INVALID_TYPE", "must be an object"))
            return
        for key, inner in self.value.items():
            yield key, self._at(str(key), inner)

    def row(self, key: str) -> "Node | None":
        """The row under the key, where there is one."""
        inner = self.below(key)
        return None if inner.value is None else inner

    def rows(self, key: str) -> Iterator["Node"]:
        """The rows of the list under the key; none where there is no such key."""
        inner = self.below(key)
        if isinstance(inner.value, list | tuple):
            for index, row in enumerate(inner.value):
                yield inner._at(index, row)
        elif self.has(key):
            inner.refuse(InvalidValue("INVALID_TYPE", "must be a list"))

    def read(self, shape: Shape[T], **given: Any) -> T | None:
        """The value of a row, together with what is given; None when the row is refused."""
        if not isinstance(self.value, dict):
            self.refuse(InvalidValue("INVALID_TYPE", "must be an object"))
            return None
        told, wrong = shape.read(self.value, self.currency)
        for key, refused in wrong:
            self.below(key).refuse(refused)
        return None if wrong else shape.kind(**given, **told)

    def refuse(self, refused: InvalidValue) -> None:
        self._findings.refuse(self._problem(refused))

    def refuse_all(self, problems: Iterable[Problem], where: str = "") -> None:
        """Refuses what is wrong below, from a place in what the problems are about."""
        for problem in problems:
            pointer = (problem.pointer or "").removeprefix(where)
            name = pointer.rpartition("/")[2] or self._field
            at = f"{self.place.pointer}{pointer}"
            self._findings.refuse(InvalidValue(problem.code, problem.message).at(name, at))

    def contradict(self, code: str, message: str) -> None:
        self._findings.contradict(self._problem(InvalidValue(code, message)))

    @property
    def _field(self) -> str:
        return self.place.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")

    def _problem(self, refused: InvalidValue) -> Problem:
        return refused.at(self._field, self.place.pointer)

    def _at(self, key: str | int, value: object) -> "Node":
        return Node(
            value=value,
            place=self.place.below(key),
            currency=self.currency,
            findings=self._findings,
        )


@define(eq=False)
class Seen:
    """The ids and the numbers of those rows of a tenant that were read so far."""

    tenant_id: str
    _ids: set[tuple[type, UUID | str]] = field(factory=set, init=False)
    _numbers: dict[type, set[int]] = field(factory=lambda: defaultdict(set), init=False)

    def knows(self, kind: type, id: UUID | str) -> bool:
        return (kind, id) in self._ids

    def expect_new(self, node: Node, kind: type, id: UUID | str) -> None:
        """Notes the id that stands at the node, where no other row may have it."""
        if self.knows(kind, id):
            node.contradict("DUPLICATE", "stands in another row already")
        self._ids.add((kind, id))

    def expect_rising(self, kind: type, numbers: Iterable[tuple[Node, int]]) -> None:
        """Notes the numbers of one list: each greater than the last, and in no other list."""
        known, last = self._numbers[kind], 0
        for node, number in numbers:
            if number <= last or number in known:
                node.contradict("INVALID_VALUE", "must be greater than the one before, and new")
            known.add(number)
            last = number

    def expect_last(self, node: Node, kind: type, number: int) -> None:
        """Nothing may be numbered beyond the last number that was given."""
        if number < max(self._numbers[kind], default=0):
            node.contradict("INVALID_VALUE", "must not be less than a number that was given")
