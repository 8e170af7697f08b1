"""Small worlds of rules: all that conditions on a few fields can say, and customers enough to tell
whether anybody matches them. Rules about anything are drawn in `rule_strategies`.
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
from tests.unit.core.rule_strategies import NOW

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@frozen(kw_only=True)
class World:
    """All conditions there may be on some fields, and enough customers to decide about them."""

    fields: Sequence[Field]
    operands: Sequence[Any]
    customers: Sequence[Customer]
    but: frozenset[str] = frozenset()

    def conditions(self) -> SearchStrategy[dict[str, Any]]:
        return st.sampled_from(self.fields).flatmap(
            lambda field: st.sampled_from(
                [each for each in operators_of(field.kind) if each not in self.but]
            ).flatmap(lambda operator: self._of(field, operator))
        )

    def is_anyone_in(self, written: object) -> bool:
        rule = parse(written)
        return any(matches(rule, customer, NOW) for customer in self.customers)

    def _of(self, field: Field, operator: Operator) -> SearchStrategy[dict[str, Any]]:
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


def at_once(conditions: SearchStrategy[Any], levels: int = 2) -> SearchStrategy[Any]:
    """What comes to conditions, or complements of conditions, that have to hold at once."""
    if levels == 0:
        return conditions
    inner = st.lists(at_once(conditions, levels - 1), min_size=1, max_size=3)
    refused = st.lists(either(conditions, levels - 1), min_size=1, max_size=2)
    return st.one_of(
        conditions,
        inner,
        refused.map(lambda members: group("NOT", *members)),
        at_once(conditions, levels - 1).map(lambda member: group("OR", member)),
    )


def either(conditions: SearchStrategy[Any], levels: int) -> SearchStrategy[Any]:
    """What comes to conditions, or complements of conditions, of which one has to hold."""
    if levels == 0:
        return conditions
    inner = st.lists(either(conditions, levels - 1), min_size=1, max_size=2)
    return st.one_of(
        conditions,
        inner.map(lambda members: group("OR", *members)),
        at_once(conditions, levels - 1).map(lambda member: group("NOT", member)),
    )


def ordered(**known: Any) -> Customer:
    return a_customer(statistics=Statistics(**known))


def last_ordered(moment: datetime) -> Customer:
    return a_customer(statistics=some_statistics(first_order_date=moment, last_order_date=moment))


def texts(letters: str, most: int) -> Iterable[str]:
    return ("".join(each) for size in range(most + 1) for each in product(letters, repeat=size))


NUMBERS = [Decimal(half) / 2 for half in range(-2, 8)]
MOMENTS = [NOW + step * INSTANT for step in range(6)]
BIRTHDAYS = [date(2000, 2, day) for day in range(25, 30)]
AGED = [
    a_customer(),
    *(
        last_ordered(NOW - half * DAY / 2 + beside * INSTANT)
        for half in range(-1, 12)
        for beside in (-1, 0, 1)
    ),
]
EXACT = {
    "whole numbers": World(
        fields=[Field.TOTAL_ORDERS],
        operands=NUMBERS,
        customers=[ordered(total_orders=count) for count in range(6)],
    ),
    "amounts, of which two are one": World(
        fields=[Field.TOTAL_SPENT, Field.LIFETIME_VALUE],
        operands=NUMBERS,
        customers=[ordered(total_spent=Decimal(part) / 4) for part in range(18)],
    ),
    "ages": World(
        fields=[Field.DAYS_SINCE_LAST_ORDER],
        operands=[each for each in NUMBERS if each >= 0],
        customers=AGED,
    ),
    "ages and windows": World(
        fields=[Field.DAYS_SINCE_LAST_ORDER, Field.LAST_ORDER_DATE],
        operands=[each for each in NUMBERS if each >= 0],
        customers=AGED,
        but=frozenset({"before", "after", "between"}),
    ),
    "moments": World(
        fields=[Field.LAST_ORDER_DATE],
        operands=[each.isoformat() for each in MOMENTS[1:-1]],
        customers=[a_customer(), *map(last_ordered, MOMENTS)],
        but=frozenset({"within_last_days", "more_than_days_ago"}),
    ),
    "moments that are never missing": World(
        fields=[Field.CREATED_AT],
        operands=[each.isoformat() for each in MOMENTS[1:-1]],
        customers=[a_customer(created_at=each) for each in MOMENTS],
        but=frozenset({"within_last_days", "more_than_days_ago"}),
    ),
    "dates": World(
        fields=[Field.DATE_OF_BIRTH],
        operands=[each.isoformat() for each in BIRTHDAYS[1:-1]],
        customers=[a_customer(date_of_birth=each) for each in (None, *BIRTHDAYS)],
    ),
    "choices": World(
        fields=[Field.STATUS],
        operands=list(CustomerStatus),
        customers=[a_customer(status=each) for each in CustomerStatus],
    ),
    "flags": World(
        fields=[Field.EMAIL_VERIFIED],
        operands=[True, False],
        customers=[a_customer(email_verified=each) for each in (True, False)],
    ),
    "tags": World(
        fields=[Field.TAGS],
        operands=["a", "B"],
        customers=[
            a_customer(tags=tags) for size in range(4) for tags in combinations("abc", size)
        ],
    ),
}
TEXTS = World(
    fields=[Field.LAST_NAME],
    operands=list(texts("ab", 2)),
    customers=[a_customer(last_name=each) for each in texts("abc", 4)],
)
