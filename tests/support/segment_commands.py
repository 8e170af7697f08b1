"""Random commands that change customers, orders, segments and the time.

A command is data: it names customers, orders and segments by numbers, which are resolved when it is
executed, so that lists of commands shrink well. `oracle` executes them.
"""

from typing import Any

from attrs import frozen
from hypothesis import strategies as st

HOUR, DAY = 3_600.0, 86_400.0


@frozen(kw_only=True)
class Command:
    """A command for a customer, an order or a segment, and how the clock moves before it.

    The clock moves by `seconds`, then with `to_crossing` to the next moment at which time alone may
    change a membership, plus that number of microseconds.
    """

    name: str
    customer: int = 0
    order: int = 0
    segment: int = 0
    arguments: Any = None
    seconds: float = 0
    to_crossing: int | None = None


def commands() -> st.SearchStrategy[Command]:
    """One command of any kind; commands that add come more often than those that remove."""
    weighted = [
        _command(name, arguments) for weight, name, arguments in _KINDS for _ in range(weight)
    ]
    return st.one_of(weighted)


def written_rules() -> st.SearchStrategy[Any]:
    """Rules on values that the commands change, near their thresholds; also empty rules."""
    lists = st.lists(_groups(_groups(_CONDITIONS)), min_size=1, max_size=3)
    return st.one_of(_groups(_CONDITIONS), lists, st.sampled_from(([], {"logic": "NOT"})))


def _groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    logic = st.sampled_from(("AND", "OR", "NOT"))
    members = st.lists(inner, min_size=1, max_size=2)
    return inner | st.fixed_dictionaries({"logic": logic, "conditions": members})


def _command(name: str, arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Command]:
    numbers = st.integers(0, 7)
    at_crossing = st.none() | st.none() | st.sampled_from((-1, 0, 1))
    return st.builds(
        Command,
        name=st.just(name),
        customer=numbers,
        order=numbers,
        segment=numbers,
        arguments=arguments,
        seconds=st.sampled_from((0, 0, 0, 0.5, 1, HOUR, DAY, 1.5 * DAY, 40 * DAY)),
        to_crossing=at_crossing,
    )


def _condition(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


_CONDITIONS = st.sampled_from(
    [
        _condition("total_spent", "gte", 10),
        _condition("total_orders", "between", [1, 2]),
        _condition("average_order_value", "lt", 8),
        _condition("tags", "has_any", ["vip"]),
        _condition("tags", "is_empty"),
        _condition("status", "eq", "BLOCKED"),
        _condition("first_name", "starts_with", "a"),
        _condition("email", "contains", "1"),
        _condition("marketing_opt_in", "is_true"),
        _condition("days_since_created", "between", [1, 3]),
        _condition("days_since_created", "lt", 1.5),
        _condition("days_since_last_order", "gt", 1),
        _condition("days_since_last_order", "not_in", [0, 2]),
        _condition("days_since_first_order", "eq", 1),
        _condition("last_order_date", "within_last_days", 1.5),
        _condition("first_order_date", "more_than_days_ago", 0),
        _condition("created_at", "within_last_days", 40),
        _condition("last_order_date", "is_empty"),
    ]
)
_AMOUNTS = st.sampled_from(("0", "5", "7.50", "10", "25"))
_ORDERS = st.fixed_dictionaries(
    {"amount": _AMOUNTS, "days_ago": st.sampled_from((0, 0, 1, 1.5, 3, 45))}
)
_TAGS = st.sampled_from((("vip",), ("new", "VIP"), ("other",), ()))
_DETAILS = {"first_name": st.sampled_from(("Ann", "Bob")), "tags": _TAGS}
_FLAGS = st.booleans()
_NO_ARGUMENTS = st.none()
_RULES = st.fixed_dictionaries({"rules": written_rules()})
_KINDS: list[tuple[int, str, st.SearchStrategy[Any]]] = [
    (4, "register", st.fixed_dictionaries({**_DETAILS, "marketing_opt_in": _FLAGS})),
    (3, "change", st.fixed_dictionaries({}, optional={**_DETAILS, "marketing_opt_in": _FLAGS})),
    (1, "lock", _NO_ARGUMENTS),
    (1, "unlock", _NO_ARGUMENTS),
    (2, "delete", _NO_ARGUMENTS),
    (2, "restore", _NO_ARGUMENTS),
    (1, "erase", _NO_ARGUMENTS),
    (4, "order", _ORDERS),
    (2, "orders", st.lists(_ORDERS, min_size=2, max_size=4)),
    (2, "cancel", _NO_ARGUMENTS),
    (2, "refund", _AMOUNTS),
    (4, "create", st.fixed_dictionaries({"rules": written_rules()}, optional={"active": _FLAGS})),
    (1, "create", st.just({"rules": None})),
    (2, "change_segment", _RULES),
    (2, "change_segment", st.fixed_dictionaries({"is_active": _FLAGS})),
    (1, "change_segment", st.fixed_dictionaries({"is_dynamic": _FLAGS})),
    (1, "remove", _NO_ARGUMENTS),
    (3, "assign", st.lists(st.integers(0, 7), min_size=1, max_size=3)),
    (2, "unassign", st.lists(st.integers(0, 7), min_size=1, max_size=3)),
    (2, "sweep", _NO_ARGUMENTS),
    (2, "follow_time", _NO_ARGUMENTS),
    (3, "step", _NO_ARGUMENTS),
    (2, "read_feed", _NO_ARGUMENTS),
    (2, "wait", _NO_ARGUMENTS),
]
