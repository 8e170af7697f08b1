"""What a rule costs to parse, to evaluate and to store, and the most that it may cost.

| limit | why |
|---|---|
| characters, in all | searching a text of n characters for one of m takes up to n x m steps |
| items of a list, and of all lists | each is parsed, kept, and sent with every evaluation |
| moments at which time matters | each is looked up in an index whenever members are read |
| conditions times the longest operand | what evaluating one customer may cost |

For a rule that exceeds a limit the checks raise Invalid with the code RULE_TOO_EXPENSIVE and a
message that names the limit.
"""

from collections.abc import Collection, Iterable

from attrs import define

from customers.core.errors import RULE_TOO_EXPENSIVE, Invalid
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.rules.fields import Kind
from customers.core.model.rules.timing import thresholds
from customers.core.model.rules.tree import Operand, Rule

MAX_CHARACTERS = 20_000
MAX_ITEMS = 1_000
MAX_ALL_ITEMS = 2_000
MAX_MOMENTS = 500
# Conditions times the characters, or the items, of the longest operand.
MAX_COMPARISONS = 10_000
# Characters of the JSON text, in which each character may be escaped.
MAX_WRITTEN = 8 * MAX_CHARACTERS
# The maximum size of rules that are stored but never evaluated.
MAX_UNUSED_BYTES = 64 * 1024

# The keys whose values are names, and all keys of conditions and groups.
_NAMES = frozenset({"logic", "logicalOperator", "field", "operator"})
_KEYS = _NAMES | {"conditions", "rules", "value"}
_MAX_NAME = 64
# Evaluating a condition on a text may cost as much as this many conditions on numbers.
_TEXT_COST = 10

_CONDITION_BYTES, _ITEM_BYTES = 500, 200


def check_written(text: str, location: JsonPointer) -> None:
    """Raises Invalid for rules whose JSON text is too long."""
    _expect(len(text), MAX_WRITTEN, "JSON text of {} characters", location)


def check_unused(text: str, location: JsonPointer) -> None:
    """Raises Invalid if the rules of a manual segment, which are never evaluated, are too long."""
    size = len(text) if len(text) > MAX_UNUSED_BYTES else len(text.encode(errors="replace"))
    _expect(size, MAX_UNUSED_BYTES, "{} bytes of rules of a manual segment", location)


def check_size(value: object, location: JsonPointer, max_characters: int = MAX_CHARACTERS) -> None:
    """Raises Invalid for a decoded rule that is too large to be parsed.

    A text counts as its number of characters, any other value as one. The known keys of a rule, and
    the names of its fields, operators and logics, do not count. Stops at the first exceeded limit,
    so that it takes some milliseconds at most.
    """
    size, stack = _Size(location, max_characters), [value]
    while stack:
        stack.extend(size.add(stack.pop()))


def check_cost(rule: Rule, location: JsonPointer) -> None:
    """Raises Invalid for a parsed rule that is too expensive to be evaluated."""
    operands = [condition.operand for condition in rule.conditions]
    texts = sum(map(_text_length, operands))
    _expect(texts, MAX_CHARACTERS, "texts of {} characters when they are folded", location)
    comparisons = len(operands) * max(map(_length, operands), default=0)
    _expect(comparisons, MAX_COMPARISONS, _COMPARISONS, location)
    moments = len(thresholds(rule))
    _expect(moments, MAX_MOMENTS, "{} moments at which time alone may change its result", location)


def evaluation_cost(rule: Rule) -> int:
    """The cost of evaluating a rule for one customer, in comparisons of numbers."""
    return sum(_TEXT_COST if one.field.kind is Kind.TEXT else 1 for one in rule.conditions)


def memory(rule: Rule) -> int:
    """The bytes that a parsed rule takes, roughly."""
    operands = [condition.operand for condition in rule.conditions]
    items = sum(len(operand) for operand in operands if isinstance(operand, frozenset))
    texts = sum(map(_text_length, operands))
    return 1_000 + _CONDITION_BYTES * len(operands) + _ITEM_BYTES * items + 4 * texts


@define
class _Size:
    """The characters and the list items counted so far."""

    _location: JsonPointer
    _max_characters: int
    _characters: int = 0
    _items: int = 0

    def add(self, value: object) -> Iterable[object]:
        """Counts a value; returns the values that it contains, which are not counted yet."""
        self._count(len(value) if isinstance(value, str) else 1)
        if isinstance(value, dict):
            return self._members(value)
        if isinstance(value, list | tuple):
            self._count_items(value)
            return value
        return ()

    def _members(self, value: dict[str, object]) -> Iterable[object]:
        self._count(sum(len(key) for key in value if key not in _KEYS))
        return [inner for key, inner in value.items() if not _is_name(key, inner)]

    def _count(self, characters: int) -> None:
        self._characters += characters
        _expect(self._characters, self._max_characters, "{} characters in all", self._location)

    def _count_items(self, values: Collection[object]) -> None:
        if len(values) > self._max_characters:
            self._count(len(values))
        items = sum(not isinstance(item, dict | list | tuple) for item in values)
        _expect(items, MAX_ITEMS, "{} items in a list", self._location)
        self._items += items
        _expect(self._items, MAX_ALL_ITEMS, "{} items in all its lists", self._location)


def _is_name(key: str, value: object) -> bool:
    return key in _NAMES and isinstance(value, str) and len(value) <= _MAX_NAME


def _length(operand: Operand) -> int:
    """The characters of a text, the items of a list, 1 for any other operand."""
    return len(operand) if isinstance(operand, str | frozenset) else 1


def _text_length(operand: Operand) -> int:
    """The characters of a text, or of all texts of a list."""
    values = operand if isinstance(operand, frozenset) else (operand,)
    return sum(len(value) for value in values if isinstance(value, str))


def _expect(size: int, limit: int, what: str, location: JsonPointer) -> None:
    if size > limit:
        message = f"is too expensive: it has {what.format(f'{size:,}')}, and may have {limit:,}"
        raise Invalid.at(location.pointer, RULE_TOO_EXPENSIVE, message)


_COMPARISONS = "{} comparisons, which are its conditions times the length of its longest operand"
