"""Small domains for rules: conditions on a few fields and operands, and enough customers to decide
by trial whether anybody matches them. `rule_strategies` draws rules on all fields.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, product
from typing import Any

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from customers.core.model.customer import Customer, CustomerStatus
from customers.core.model.order import Statistics
from customers.core.model.rules.fields import Field, Operator, operators_of
from customers.core.model.rules.matches import matches
from customers.core.model.rules.parse import parse
from tests.support.builders import a_customer, some_statistics
from tests.support.rule_strategies import NOW

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@frozen(kw_only=True)
class Domain:
    """Conditions on some fields, and customers with all relevant combinations of values."""

    fields: Sequence[Field]
    operands: Sequence[Any]
    customers: Sequence[Customer]
    excluded: frozenset[str] = frozenset()

    def conditions(self) -> SearchStrategy[dict[str, Any]]:
        return st.sampled_from(self.fields).flatmap(
            lambda field: st.sampled_from(
                [operator for operator in operators_of(field.kind) if operator not in self.excluded]
            ).flatmap(lambda operator: self._condition(field, operator))
        )

    def has_match(self, written: object) -> bool:
        rule = parse(written)
        return any(matches(rule, customer, NOW) for customer in self.customers)

    def _condition(self, field: Field, operator: Operator) -> SearchStrategy[dict[str, Any]]:
        one = st.sampled_from(self.operands)
        value: SearchStrategy[Any] = one
        if operator is Operator.BETWEEN:
            value = st.lists(one, min_size=2, max_size=2)
        elif operator in ("in", "not_in", "has_any", "has_all", "has_none"):
            value = st.lists(one, max_size=3)
        return value.map(lambda value: condition(field, operator, value))


def condition(field: str, operator: str, value: object = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def group(logic: str, *members: object) -> dict[str, Any]:
    return {"conditions": list(members), "logic": logic}


def all_of(conditions: SearchStrategy[Any], levels: int = 2) -> SearchStrategy[Any]:
    """Rules equivalent to conditions, or complements of conditions, that must all hold."""
    if levels == 0:
        return conditions
    inner = st.lists(all_of(conditions, levels - 1), min_size=1, max_size=3)
    negated = st.lists(any_of(conditions, levels - 1), min_size=1, max_size=2)
    return st.one_of(
        conditions,
        inner,
        negated.map(lambda members: group("NOT", *members)),
        all_of(conditions, levels - 1).map(lambda member: group("OR", member)),
    )


def any_of(conditions: SearchStrategy[Any], levels: int) -> SearchStrategy[Any]:
    """Rules equivalent to conditions, or complements of conditions, one of which must hold."""
    if levels == 0:
        return conditions
    inner = st.lists(any_of(conditions, levels - 1), min_size=1, max_size=2)
    return st.one_of(
        conditions,
        inner.map(lambda members: group("OR", *members)),
        all_of(conditions, levels - 1).map(lambda member: group("NOT", member)),
    )


def with_statistics(**values: Any) -> Customer:
    return a_customer(statistics=Statistics(**values))


def with_last_order(moment: datetime) -> Customer:
    return a_customer(statistics=some_statistics(first_order_date=moment, last_order_date=moment))


def texts(letters: str, max_length: int) -> Iterable[str]:
    sizes = range(max_length + 1)
    return ("".join(text) for size in sizes for text in product(letters, repeat=size))


NUMBERS = [Decimal(half) / 2 for half in range(-2, 8)]
MOMENTS = [NOW + step * INSTANT for step in range(6)]
BIRTHDAYS = [date(2000, 2, day) for day in range(25, 30)]
CUSTOMERS_BY_AGE = [
    a_customer(),
    *(
        with_last_order(NOW - half * DAY / 2 + offset * INSTANT)
        for half in range(-1, 12)
        for offset in (-1, 0, 1)
    ),
]
EXACT = {
    "whole numbers": Domain(
        fields=[Field.TOTAL_ORDERS],
        operands=NUMBERS,
        customers=[with_statistics(total_orders=count) for count in range(6)],
    ),
    "two fields for one amount": Domain(
        fields=[Field.TOTAL_SPENT, Field.LIFETIME_VALUE],
        operands=NUMBERS,
        customers=[with_statistics(total_spent=Decimal(part) / 4) for part in range(18)],
    ),
    "ages": Domain(
        fields=[Field.DAYS_SINCE_LAST_ORDER],
        operands=[number for number in NUMBERS if number >= 0],
        customers=CUSTOMERS_BY_AGE,
    ),
    "ages and windows": Domain(
        fields=[Field.DAYS_SINCE_LAST_ORDER, Field.LAST_ORDER_DATE],
        operands=[number for number in NUMBERS if number >= 0],
        customers=CUSTOMERS_BY_AGE,
        excluded=frozenset({"before", "after", "between"}),
    ),
    "moments": Domain(
        fields=[Field.LAST_ORDER_DATE],
        operands=[moment.isoformat() for moment in MOMENTS[1:-1]],
        customers=[a_customer(), *map(with_last_order, MOMENTS)],
        excluded=frozenset({"within_last_days", "more_than_days_ago"}),
    ),
    "moments that are never missing": Domain(
        fields=[Field.CREATED_AT],
        operands=[moment.isoformat() for moment in MOMENTS[1:-1]],
        customers=[a_customer(created_at=moment) for moment in MOMENTS],
        excluded=frozenset({"within_last_days", "more_than_days_ago"}),
    ),
    "dates": Domain(
        fields=[Field.DATE_OF_BIRTH],
        operands=[day.isoformat() for day in BIRTHDAYS[1:-1]],
        customers=[a_customer(date_of_birth=day) for day in (None, *BIRTHDAYS)],
    ),
    "choices": Domain(
        fields=[Field.STATUS],
        operands=list(CustomerStatus),
        customers=[a_customer(status=status) for status in CustomerStatus],
    ),
    "flags": Domain(
        fields=[Field.EMAIL_VERIFIED],
        operands=[True, False],
        customers=[a_customer(email_verified=flag) for flag in (True, False)],
    ),
    "tags": Domain(
        fields=[Field.TAGS],
        operands=["a", "B"],
        customers=[
            a_customer(tags=tags) for size in range(4) for tags in combinations("abc", size)
        ],
    ),
}
TEXTS = Domain(
    fields=[Field.LAST_NAME],
    operands=list(texts("ab", 2)),
    customers=[a_customer(last_name=text) for text in texts("abc", 4)],
)
