"""Random commands that change customers, orders, segments and the time: who is a member then?

A command is data: it names customers, orders and segments by numbers, and which ones these are
depends on what is there by then, so a list of commands shrinks well. How they are done, and what
must be so afterwards, is found in `segment_world`.
"""

from typing import Any

from attrs import frozen
from hypothesis import strategies as st

HOUR, DAY = 3_600.0, 86_400.0


@frozen(kw_only=True)
class Command:
    """What is done to which customer, order or segment, and how the clock moves before that.

    It moves by some seconds, or `to_edge`: to the next moment at which time alone moves somebody,
    and then by so many microseconds.
    """

    name: str
    customer: int = 0
    order: int = 0
    segment: int = 0
    told: Any = None
    seconds: float = 0
    to_edge: int | None = None


def commands() -> st.SearchStrategy[Command]:
    """One command of any kind; what builds up comes more often than what takes away."""
    weighted = [_command(name, told) for weight, name, told in _KINDS for _ in range(weight)]
    return st.one_of(weighted)


def written_rules() -> st.SearchStrategy[Any]:
    """Rules over what the commands change, with edges that they meet often; empty ones as well."""
    some = st.lists(_groups(_groups(_CONDITIONS)), min_size=1, max_size=3)
    return st.one_of(_groups(_CONDITIONS), some, st.sampled_from(([], {"logic": "NOT"})))


def _groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    logic = st.sampled_from(("AND", "OR", "NOT"))
    members = st.lists(inner, min_size=1, max_size=2)
    return inner | st.fixed_dictionaries({"logic": logic, "conditions": members})


def _command(name: str, told: st.SearchStrategy[Any]) -> st.SearchStrategy[Command]:
    some = st.integers(0, 7)
    on_an_edge = st.none() | st.none() | st.sampled_from((-1, 0, 1))
    return st.builds(
        Command,
        name=st.just(name),
        customer=some,
        order=some,
        segment=some,
        told=told,
        seconds=st.sampled_from((0, 0, 0, 0.5, 1, HOUR, DAY, 1.5 * DAY, 40 * DAY)),
        to_edge=on_an_edge,
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
_NOTHING = st.none()
_RULES = st.fixed_dictionaries({"rules": written_rules()})
_KINDS: list[tuple[int, str, st.SearchStrategy[Any]]] = [
    (4, "register", st.fixed_dictionaries({**_DETAILS, "marketing_opt_in": _FLAGS})),
    (3, "change", st.fixed_dictionaries({}, optional={**_DETAILS, "marketing_opt_in": _FLAGS})),
    (1, "lock", _NOTHING),
    (1, "unlock", _NOTHING),
    (2, "delete", _NOTHING),
    (2, "restore", _NOTHING),
    (1, "erase", _NOTHING),
    (4, "order", _ORDERS),
    (2, "orders", st.lists(_ORDERS, min_size=2, max_size=4)),
    (2, "cancel", _NOTHING),
    (2, "refund", _AMOUNTS),
    (4, "create", st.fixed_dictionaries({"rules": written_rules()}, optional={"active": _FLAGS})),
    (1, "create", st.just({"rules": None})),
    (2, "change_segment", _RULES),
    (2, "change_segment", st.fixed_dictionaries({"is_active": _FLAGS})),
    (1, "change_segment", st.fixed_dictionaries({"is_dynamic": _FLAGS})),
    (1, "remove", _NOTHING),
    (3, "put", st.lists(st.integers(0, 7), min_size=1, max_size=3)),
    (2, "take", st.lists(st.integers(0, 7), min_size=1, max_size=3)),
    (2, "sweep", _NOTHING),
    (2, "follow_time", _NOTHING),
    (3, "step", _NOTHING),
    (2, "read_feed", _NOTHING),
    (2, "wait", _NOTHING),
]
