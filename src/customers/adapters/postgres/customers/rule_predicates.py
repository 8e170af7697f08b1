"""Rules as SQL: the fast form of the core's `matches`, over the columns of `customers`.

`matches` defines what a rule means, and a test compares the two. Every condition is true or false
for every row, never NULL, so that a complement is always exact. Values are literals of the clause:
compile it with `Statement.like`. Conditions on dates and ages are in `date_predicates`.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from attrs import evolve
from sqlalchemy import Numeric, and_, any_, false, func, literal, not_, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from customers.adapters.postgres.customers import date_predicates
from customers.adapters.postgres.schema.statistics_table import customer_statistics
from customers.adapters.postgres.schema.tables import customers
from customers.adapters.postgres.schema.types import TEXT, TEXTS
from customers.core.model.rules.fields import Field, Kind, Operator
from customers.core.model.rules.tree import Condition, Group, Logic, Rule

Sql: TypeAlias = ColumnElement[bool]
Value: TypeAlias = ColumnElement[Any]


def where(rule: Rule, now: datetime) -> Sql:
    """Whether a row of `customers` matches the rule at that moment (in UTC)."""
    return false() if rule.is_empty else _group(rule.root, now)


def _group(group: Group, now: datetime) -> Sql:
    predicates = [
        _group(member, now) if isinstance(member, Group) else _condition(member, now)
        for member in group.members
    ]
    if group.logic is Logic.AND:
        return and_(true(), *predicates)
    any_holds = or_(false(), *predicates)
    return any_holds if group.logic is Logic.OR else not_(any_holds)


def _condition(condition: Condition, now: datetime) -> Sql:
    if condition.operator in _COMPLEMENTS:
        opposite = evolve(condition, operator=_COMPLEMENTS[condition.operator])
        return not_(_condition(opposite, now))
    value = _VALUES[condition.field]
    kind = condition.field.kind
    if kind is Kind.AGE:
        return date_predicates.age(condition.operator, value, condition.operand, now)
    if kind in (Kind.MOMENT, Kind.DATE):
        return date_predicates.date(condition.operator, value, condition.operand, now)
    return _PREDICATES[kind][condition.operator](value, condition.operand)


def _one_of(value: Value, options: Collection[Any], kind: TypeEngine[Any]) -> Sql:
    return value == any_(literal(list(options), ARRAY(kind)))


# Each operator and its complement, which is also exact for missing values.
_COMPLEMENTS = {
    Operator.NEQ: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.HAS_NONE: Operator.HAS_ANY,
    Operator.IS_FALSE: Operator.IS_TRUE,
    Operator.IS_NOT_EMPTY: Operator.IS_EMPTY,
}
_VALUES: Mapping[Field, Value] = {
    Field.EMAIL: customers.c.email_folded,
    Field.FIRST_NAME: customers.c.first_name_folded,
    Field.LAST_NAME: customers.c.last_name_folded,
    Field.PHONE: customers.c.phone_folded,
    Field.COUNTRY: customers.c.country_folded,
    Field.COUNTRY_CODE: customers.c.country_code_folded,
    Field.NOTES: customers.c.notes_folded,
    Field.STATUS: customers.c.status,
    Field.CUSTOMER_TYPE: customers.c.customer_type,
    Field.TOTAL_ORDERS: customer_statistics.c.total_orders,
    Field.TOTAL_SPENT: customer_statistics.c.total_spent,
    Field.AVERAGE_ORDER_VALUE: customer_statistics.c.average_order_value,
    Field.LIFETIME_VALUE: customer_statistics.c.total_spent,
    Field.DAYS_SINCE_CREATED: customers.c.created_at,
    Field.DAYS_SINCE_FIRST_ORDER: customer_statistics.c.first_order_date,
    Field.DAYS_SINCE_LAST_ORDER: customer_statistics.c.last_order_date,
    Field.CREATED_AT: customers.c.created_at,
    Field.FIRST_ORDER_DATE: customer_statistics.c.first_order_date,
    Field.LAST_ORDER_DATE: customer_statistics.c.last_order_date,
    Field.DATE_OF_BIRTH: customers.c.date_of_birth,
    Field.MARKETING_OPT_IN: customers.c.marketing_opt_in,
    Field.EMAIL_VERIFIED: customers.c.email_verified,
    Field.HAS_ACCOUNT: customers.c.user_id.is_not(None),
    Field.TAGS: customers.c.tags_folded,
}
_Predicates: TypeAlias = Mapping[Operator, Callable[[Value, Any], Sql]]
# Functions without patterns find substrings, so that `%` and `_` are plain characters.
_TEXT: _Predicates = {
    Operator.EQ: lambda text, operand: text == literal(operand, TEXT),
    Operator.IN: lambda text, operands: _one_of(text, operands, TEXT),
    Operator.CONTAINS: lambda text, operand: func.strpos(text, literal(operand, TEXT)) > 0,
    Operator.STARTS_WITH: lambda text, operand: func.starts_with(text, literal(operand, TEXT)),
    Operator.ENDS_WITH: lambda text, operand: (
        func.right(text, len(operand)) == literal(operand, TEXT)
    ),
    Operator.IS_EMPTY: lambda text, operand: text == "",
}
# Operands have up to 38 digits: a type without precision neither rounds nor overflows.
_EXACT = Numeric()
_NUMBER: _Predicates = {
    Operator.EQ: lambda number, operand: number == literal(operand, _EXACT),
    Operator.GT: lambda number, operand: number > literal(operand, _EXACT),
    Operator.GTE: lambda number, operand: number >= literal(operand, _EXACT),
    Operator.LT: lambda number, operand: number < literal(operand, _EXACT),
    Operator.LTE: lambda number, operand: number <= literal(operand, _EXACT),
    Operator.BETWEEN: lambda number, operands: number.between(
        literal(operands[0], _EXACT), literal(operands[1], _EXACT)
    ),
    Operator.IN: lambda number, operands: _one_of(number, operands, _EXACT),
}
_FLAG: _Predicates = {
    Operator.EQ: lambda flag, operand: flag if operand else not_(flag),
    Operator.IS_TRUE: lambda flag, operand: flag,
}
_TAGS: _Predicates = {
    Operator.CONTAINS: lambda tags, operand: tags.contains(literal([operand], TEXTS)),
    Operator.HAS_ANY: lambda tags, operands: tags.overlap(literal(list(operands), TEXTS)),
    Operator.HAS_ALL: lambda tags, operands: tags.contains(literal(list(operands), TEXTS)),
    Operator.IS_EMPTY: lambda tags, operand: func.cardinality(tags) == 0,
}
_PREDICATES: Mapping[Kind, _Predicates] = {
    Kind.TEXT: _TEXT,
    Kind.CHOICE: _TEXT,
    Kind.NUMBER: _NUMBER,
    Kind.FLAG: _FLAG,
    Kind.SET: _TAGS,
}
