"""Random valid rules as callers write them, and random customers.

Both draw from the same small pools, so that equal values, times a microsecond apart, missing values
and letters with equal folded forms are frequent.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from customers.core.model.customer import Customer, CustomerStatus, CustomerType
from customers.core.model.order import NO_ORDERS, Statistics
from customers.core.model.rules.fields import Field, Kind, Operator, operators_of
from customers.core.model.values import TagsGate, TextGate

NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)

_WORDS = (
    "ann ANN \uff21\uff4e\uff4e Straße STRASSE ß İpek ipek Y\u0131lmaz Zoé ZOE\u0301 e \u0301 "
    "ΣΊΣΥΦΟΣ σίσυφος ﬁsher 100% 100_ 1000 50%_off a.b+c \\ \\% ' vip VIP Early-Adopter Groß GROSS"
).split()
_EMAILS = ("Ann.Smith@Example.test", "a.b+c@example.test", "axbxc@example.test", "50%_off@b.test")
_PHONES = ("", "+1 (555) 010-0001", "555 0100", "x5.5")
_CODES = ("", "US", "AT", "DE")
_AMOUNTS = tuple(map(Decimal, ("0", "0.01", "0.30", "999.99", "1000", "1000.01", "99999999999.99")))
DAYS = tuple(map(Decimal, ("0", "0.5", "1", "29", "29.5", "30", "30.000001", "90", "365", "36500")))
_BIRTHDAYS = (date(1990, 1, 30), date(1990, 1, 31), date(2000, 2, 29), date(1900, 1, 1))
_LEGACY = {
    Operator.EQ: "equals",
    Operator.NEQ: "notEquals",
    Operator.GT: "greaterThan",
    Operator.GTE: "greaterThanOrEqual",
    Operator.LT: "lessThan",
    Operator.LTE: "lessThanOrEqual",
    Operator.IS_EMPTY: "isNull",
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def texts(max_length: int = 100, *, blank: bool = True) -> SearchStrategy[str]:
    """Texts as the model stores them: words of the pool, or any short text."""
    letters = st.characters(exclude_categories=("Cs", "Cc"))
    phrases = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=2).map(" ".join)
    drawn = (phrases | st.text(letters, max_size=4)).map(TextGate(max_length=max_length).read)
    return drawn if blank else drawn.filter(bool)


def amounts() -> SearchStrategy[Decimal]:
    cents = st.integers(0, 200_000).map(lambda cents: Decimal(cents).scaleb(-2))
    return st.sampled_from(_AMOUNTS) | cents


def moments() -> SearchStrategy[datetime]:
    """Moments that are one of DAYS before `NOW`, exactly or a microsecond off, or any others."""
    edges = st.builds(
        lambda days, off: NOW - timedelta(days=float(days), microseconds=off),
        st.sampled_from(DAYS),
        st.sampled_from((-1, 0, 1)),
    )
    return edges | st.integers(-(10**13), 10**15).map(lambda off: NOW - timedelta(microseconds=off))


def customers() -> SearchStrategy[Customer]:
    """Living customers of one tenant. Their e-mail addresses may be equal."""
    return st.builds(
        Customer,
        id=st.uuids(),
        tenant_id=st.just("tenant"),
        user_id=st.none() | st.uuids(),
        email=st.sampled_from(_EMAILS),
        first_name=texts(blank=False),
        last_name=texts(),
        phone=st.sampled_from(_PHONES),
        status=st.sampled_from(CustomerStatus),
        customer_type=st.sampled_from(CustomerType),
        statistics=st.just(NO_ORDERS) | _statistics(),
        date_of_birth=st.none() | st.sampled_from(_BIRTHDAYS),
        country=texts(),
        country_code=st.sampled_from(_CODES),
        avatar_url=st.just(""),
        tags=st.lists(texts(blank=False), max_size=3).map(TagsGate().read),
        notes=texts(10_000),
        marketing_opt_in=st.booleans(),
        email_verified=st.booleans(),
        lock_reason=st.none(),
        locked_at=st.none(),
        locked_by=st.none(),
        unlock_reason=st.none(),
        unlocked_at=st.none(),
        unlocked_by=st.none(),
        created_at=moments(),
        updated_at=st.just(NOW),
        version=st.just(1),
        deleted_at=st.none(),
        erased_at=st.none(),
    )


def written_conditions(fields: Sequence[Field] = tuple(Field)) -> SearchStrategy[dict[str, Any]]:
    """A condition on one of the fields, with its names in any valid spelling."""
    return st.sampled_from(fields).flatmap(
        lambda field: st.sampled_from(operators_of(field.kind)).flatmap(
            lambda operator: st.fixed_dictionaries(
                {
                    "field": _spelled(field),
                    "operator": _spelled(operator),
                    "value": written_values(field, operator),
                }
            )
        )
    )


def written_values(field: Field, operator: Operator) -> SearchStrategy[Any]:
    """Valid values for an operator of a field."""
    if operator.value.startswith("is_"):
        return st.none() | st.just("ignored")
    if operator.value.endswith(("_days", "_days_ago")):
        return _numbers(st.sampled_from(DAYS))
    one = _VALUES[field.kind](field)
    if operator is Operator.BETWEEN:
        return st.lists(one, min_size=2, max_size=2)
    if operator.value in ("in", "not_in", "has_any", "has_all", "has_none"):
        return st.lists(one, max_size=3)
    return one


def written_groups(levels: int = 3, min_size: int = 0) -> SearchStrategy[Any]:
    """A group with at most `levels` levels, in any of the three forms."""
    inner = written_conditions()
    if levels > 1:
        inner = st.one_of(inner, inner, written_groups(levels - 1))
    members = st.lists(inner, min_size=min_size, max_size=3)
    logic = st.sampled_from(("AND", "OR", "NOT", "and", "Or", "not"))
    return st.one_of(
        members,
        st.fixed_dictionaries({"conditions": members, "logic": logic}),
        st.fixed_dictionaries({"rules": members, "logicalOperator": logic}),
    )


def written_rules() -> SearchStrategy[Any]:
    """A whole rule, sometimes in a string with JSON; or None."""
    plain = st.one_of(written_groups(min_size=1), written_groups(min_size=1), written_conditions())
    return plain | st.none() | plain.map(lambda rule: _ENCODER.encode(rule).decode())


def _statistics() -> SearchStrategy[Statistics]:
    return st.builds(
        lambda orders, spent, average, dates: Statistics(
            total_orders=orders,
            total_spent=spent,
            average_order_value=average,
            first_order_date=min(dates),
            last_order_date=max(dates),
        ),
        st.integers(1, 6),
        amounts(),
        amounts(),
        st.tuples(moments(), moments()),
    )


def _spelled(name: Field | Operator) -> SearchStrategy[str]:
    first, *rest = name.value.split("_")
    spellings = [name.value, name.value.upper(), first + "".join(map(str.title, rest))]
    if isinstance(name, Operator):
        spellings.append(_LEGACY.get(name, name.value))
    return st.sampled_from(spellings)


def _numbers(exact: SearchStrategy[Decimal]) -> SearchStrategy[Any]:
    whole = exact.filter(lambda value: value == int(value)).map(int)
    return st.one_of(exact, whole, exact.map(lambda value: f" {value:f} "))


def _text_values(field: Field) -> SearchStrategy[str]:
    pools = {Field.EMAIL: _EMAILS, Field.PHONE: _PHONES, Field.COUNTRY_CODE: _CODES}
    return st.sampled_from(pools[field]) if field in pools else texts()


def _choices(field: Field) -> SearchStrategy[str]:
    choices = CustomerStatus if field is Field.STATUS else CustomerType
    return st.sampled_from([*choices, *(choice.lower() for choice in choices)])


_VALUES: dict[Kind, Callable[[Field], SearchStrategy[Any]]] = {
    Kind.TEXT: _text_values,
    Kind.CHOICE: _choices,
    Kind.NUMBER: lambda field: _numbers(
        st.integers(0, 6).map(Decimal) if field is Field.TOTAL_ORDERS else amounts()
    ),
    Kind.AGE: lambda field: _numbers(st.sampled_from(DAYS)),
    Kind.MOMENT: lambda field: moments().map(datetime.isoformat),
    Kind.DATE: lambda field: st.sampled_from(_BIRTHDAYS).map(date.isoformat),
    Kind.FLAG: lambda field: st.booleans() | st.sampled_from(("true", "FALSE")),
    Kind.SET: lambda field: texts(blank=False),
}
