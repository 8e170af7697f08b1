"""The meaning of rules: whether a customer matches a rule at a moment.

Storages may evaluate rules in other ways, with the same results. The logic has two values: a
missing value (None) satisfies the operators in HOLD_WHEN_MISSING and no others, so that the
complement of a condition or a group is always exact.
"""

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from customers.core.model.customer import Customer
from customers.core.model.folding import fold
from customers.core.model.rules.days import age, duration
from customers.core.model.rules.fields import HOLD_WHEN_MISSING, Field, Operator
from customers.core.model.rules.tree import Condition, Group, Logic, Rule


def matches(rule: Rule, customer: Customer, now: datetime) -> bool:
    """Whether a customer matches a rule at a moment in UTC."""
    return holds(rule, CustomerValues(customer, now))


def holds(rule: Rule, values: "CustomerValues") -> bool:
    """As `matches`, with a customer's values at a moment, which several rules can share."""
    return not rule.is_empty and _group_holds(rule.root, values)


class CustomerValues:
    """The values of one customer at one moment as rules compare them, computed at first use."""

    def __init__(self, customer: Customer, now: datetime) -> None:
        self.customer = customer
        self.now = now
        self._values: dict[Field, Any] = {}

    def value(self, field: Field) -> Any:
        """A folded text, choice, number, moment in UTC, date, flag, set of folded tags, or None."""
        if field not in self._values:
            self._values[field] = _GETTERS[field](self.customer, self.now)
        return self._values[field]


class CustomerValuesCache:
    """The values of customers at moments, cached for the evaluation of many rules."""

    def __init__(self) -> None:
        self._cache: dict[tuple[int, datetime], CustomerValues] = {}

    def at(self, customer: Customer, now: datetime) -> CustomerValues:
        """The values of a customer at a moment."""
        # Cached values refer to their customer, so its identity is not reused while they exist.
        key = (id(customer), now)
        values = self._cache.get(key)
        if values is None:
            values = self._cache[key] = CustomerValues(customer, now)
        return values


def _group_holds(group: Group, values: CustomerValues) -> bool:
    logic = group.logic
    decisive = logic is not Logic.AND
    for member in group.members:
        if _member_holds(member, values) is decisive:
            return logic is Logic.OR
    return logic is not Logic.OR


def _member_holds(member: Group | Condition, values: CustomerValues) -> bool:
    if isinstance(member, Group):
        return _group_holds(member, values)
    value = values.value(member.field)
    if value is None:
        return member.operator in HOLD_WHEN_MISSING
    return _OPERATORS[member.operator](value, member.operand, values.now)


def _text(path: str) -> Callable[[Customer, datetime], str]:
    get: Callable[[Customer], str] = operator.attrgetter(path)
    return lambda customer, now: fold(get(customer))


def _plain(path: str) -> Callable[[Customer, datetime], Any]:
    get = operator.attrgetter(path)
    return lambda customer, now: get(customer)


def _age(path: str) -> Callable[[Customer, datetime], int | None]:
    get: Callable[[Customer], datetime | None] = operator.attrgetter(path)

    def whole_days(customer: Customer, now: datetime) -> int | None:
        moment = get(customer)
        return None if moment is None else age(moment, now)

    return whole_days


_GETTERS: dict[Field, Callable[[Customer, datetime], Any]] = {
    Field.EMAIL: _text("email"),
    Field.FIRST_NAME: _text("first_name"),
    Field.LAST_NAME: _text("last_name"),
    Field.PHONE: _text("phone"),
    Field.COUNTRY: _text("country"),
    Field.COUNTRY_CODE: _text("country_code"),
    Field.NOTES: _text("notes"),
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
# Empty texts and sets; an age of 0 days is not empty.
_EMPTY: tuple[str, frozenset[str]] = ("", frozenset())
# Called with the value, which is not missing, the operand, and the moment of evaluation.
_OPERATORS: dict[Operator, Callable[[Any, Any, datetime], bool]] = {
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
    Operator.WITHIN_LAST_DAYS: lambda value, operand, now: now - value <= duration(operand),
    Operator.MORE_THAN_DAYS_AGO: lambda value, operand, now: now - value > duration(operand),
    Operator.HAS_ANY: lambda value, operand, now: not operand.isdisjoint(value),
    Operator.HAS_NONE: lambda value, operand, now: operand.isdisjoint(value),
    Operator.HAS_ALL: lambda value, operand, now: operand <= value,
    Operator.IS_TRUE: lambda value, operand, now: value,
    Operator.IS_FALSE: lambda value, operand, now: not value,
    Operator.IS_EMPTY: lambda value, operand, now: value in _EMPTY,
    Operator.IS_NOT_EMPTY: lambda value, operand, now: value not in _EMPTY,
}
