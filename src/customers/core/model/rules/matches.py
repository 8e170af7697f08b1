"""What a rule means: whether a customer matches it at a moment.

This is the meaning; what a storage makes of a rule is its fast form and must agree. The logic is
two-valued: a missing value (None) satisfies `is_empty` and the operators that negate another,
and no other, so that the complement of a condition or a group is always exact.
"""

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from customers.core.model.customer import Customer
from customers.core.model.folding import fold
from customers.core.model.rules.days import age, span
from customers.core.model.rules.fields import HOLD_WHEN_MISSING, Field, Operator
from customers.core.model.rules.tree import Condition, Group, Logic, Rule


def matches(rule: Rule, customer: Customer, now: datetime) -> bool:
    """Whether the customer is among the rule's members at that moment (in UTC)."""
    return holds(rule, CustomerValues(customer, now))


def holds(rule: Rule, reading: "CustomerValues") -> bool:
    """As `matches`, for several rules about one customer: each value is read only once."""
    return not rule.is_empty and _group_holds(rule.root, reading)


class CustomerValues:
    """The values of one customer at one moment as rules compare them, each read at first use."""

    def __init__(self, customer: Customer, now: datetime) -> None:
        self.customer = customer
        self.now = now
        self._values: dict[Field, Any] = {}

    def value(self, field: Field) -> Any:
        """Folded text, exact number, moment in UTC, day, flag, set of folded tags, or None."""
        if field not in self._values:
            self._values[field] = _VALUES[field](self.customer, self.now)
        return self._values[field]


class CustomerValuesCache:
    """The readings of customers at moments, one of each, for whoever asks many rules."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, datetime], CustomerValues] = {}

    def at(self, customer: Customer, now: datetime) -> CustomerValues:
        # A reading keeps its customer, so that nobody else is ever found under that identity.
        key = (id(customer), now)
        reading = self._known.get(key)
        if reading is None:
            reading = self._known[key] = CustomerValues(customer, now)
        return reading


def _group_holds(group: Group, reading: CustomerValues) -> bool:
    logic = group.logic
    decisive = logic is not Logic.AND
    for member in group.members:
        if _member_holds(member, reading) is decisive:
            return logic is Logic.OR
    return logic is not Logic.OR


def _member_holds(member: Group | Condition, reading: CustomerValues) -> bool:
    if isinstance(member, Group):
        return _group_holds(member, reading)
    value = reading.value(member.field)
    if value is None:
        return member.operator in HOLD_WHEN_MISSING
    return _HOLDS[member.operator](value, member.operand, reading.now)


def _text(read: Callable[[Customer], str]) -> Callable[[Customer, datetime], str]:
    return lambda customer, now: fold(read(customer))


def _plain(path: str) -> Callable[[Customer, datetime], Any]:
    read = operator.attrgetter(path)
    return lambda customer, now: read(customer)


def _age(path: str) -> Callable[[Customer, datetime], int | None]:
    read: Callable[[Customer], datetime | None] = operator.attrgetter(path)

    def whole_days(customer: Customer, now: datetime) -> int | None:
        moment = read(customer)
        return None if moment is None else age(moment, now)

    return whole_days


_VALUES: dict[Field, Callable[[Customer, datetime], Any]] = {
    Field.EMAIL: _text(operator.attrgetter("email")),
    Field.FIRST_NAME: _text(operator.attrgetter("first_name")),
    Field.LAST_NAME: _text(operator.attrgetter("last_name")),
    Field.PHONE: _text(operator.attrgetter("phone")),
    Field.COUNTRY: _text(operator.attrgetter("country")),
    Field.COUNTRY_CODE: _text(operator.attrgetter("country_code")),
    Field.NOTES: _text(operator.attrgetter("notes")),
    Field.STATUS: _plain("status"),
    Field.CUSTOMER_TYPE: _plain("customer_type"),
    Field.TOTAL_ORDERS: _plain("statistics.total_orders"),
    Field.TOTAL_SPENT: _plain("statistics.total_spent"),
    Field.AVERAGE_ORDER_VALUE: _plain("statistics.average_order_value"),
    Field.LIFETIME_VALUE: _plain("statistics.lifetime_value"),
    Field.DAYS_SINCE_CREATED: _age("created_at"),
    Field.DAYS_SINCE_FIRST_ORDER: _age("statistics.first_order_date"),
    Field.DAYS_SINCE_LAST_ORDER: _age("statistics.last_order_date"),
    Field.CREATED_AT: _plain("created_at"),
    Field.FIRST_ORDER_DATE: _plain("statistics.first_order_date"),
    Field.LAST_ORDER_DATE: _plain("statistics.last_order_date"),
    Field.DATE_OF_BIRTH: _plain("date_of_birth"),
    Field.MARKETING_OPT_IN: _plain("marketing_opt_in"),
    Field.EMAIL_VERIFIED: _plain("email_verified"),
    Field.HAS_ACCOUNT: lambda customer, now: customer.user_id is not None,
    Field.TAGS: lambda customer, now: frozenset(map(fold, customer.tags)),
}
# A text or set that is there and holds nothing; an age of 0 days is something.
_EMPTY: tuple[str, frozenset[str]] = ("", frozenset())
# Given the value, which is not missing, the operand, and now.
_HOLDS: dict[Operator, Callable[[Any, Any, datetime], bool]] = {
    Operator.EQ: lambda value, operand, now: value == operand,
    Operator.NEQ: lambda value, operand, now: value != operand,
    Operator.GT: lambda value, operand, now: value > operand,
    Operator.GTE: lambda value, operand, now: value >= operand,
    Operator.LT: lambda value, operand, now: value < operand,
    Operator.LTE: lambda value, operand, now: value <= operand,
    Operator.BETWEEN: lambda value, operand, now: operand[0] <= value <= operand[1],
    Operator.IN: lambda value, operand, now: value in operand,
    Operator.NOT_IN: lambda value, operand, now: value not in operand,
    Operator.CONTAINS: lambda value, operand, now: operand in value,
    Operator.NOT_CONTAINS: lambda value, operand, now: operand not in value,
    Operator.STARTS_WITH: lambda value, operand, now: value.startswith(operand),
    Operator.ENDS_WITH: lambda value, operand, now: value.endswith(operand),
    Operator.BEFORE: lambda value, operand, now: value < operand,
    Operator.AFTER: lambda value, operand, now: value > operand,
    Operator.WITHIN_LAST_DAYS: lambda value, operand, now: now - value <= span(operand),
    Operator.MORE_THAN_DAYS_AGO: lambda value, operand, now: now - value > span(operand),
    Operator.HAS_ANY: lambda value, operand, now: not operand.isdisjoint(value),
    Operator.HAS_NONE: lambda value, operand, now: operand.isdisjoint(value),
    Operator.HAS_ALL: lambda value, operand, now: operand <= value,
    Operator.IS_TRUE: lambda value, operand, now: value,
    Operator.IS_FALSE: lambda value, operand, now: not value,
    Operator.IS_EMPTY: lambda value, operand, now: value in _EMPTY,
    Operator.IS_NOT_EMPTY: lambda value, operand, now: value not in _EMPTY,
}
