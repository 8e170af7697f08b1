"""The messages of contradictions; `test_rule_satisfiability` tests that they are certain."""

import pytest

from customers.core.model.customer import CustomerStatus
from customers.core.model.rules.contradictions import Contradiction, contradictions
from customers.core.model.rules.parse import parse
from tests.support.rule_domains import condition, group


def messages(written: object) -> list[str]:
    return [contradiction.message for contradiction in contradictions(parse(written))]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            [condition("total_spent", "gt", 5), condition("total_spent", "lt", 3)],
            "total_spent gt 5 and total_spent lt 3 can never both hold",
        ),
        (
            [condition("lifetimeValue", "greaterThan", "5.5"), condition("totalSpent", "lt", 3)],
            "lifetime_value gt 5.5 and total_spent lt 3 can never both hold",
        ),
        (
            [condition("total_orders", "between", [5, 3])],
            "total_orders between [5, 3] can never hold",
        ),
        ([condition("total_orders", "eq", "2.5")], "total_orders eq 2.5 can never hold"),
        ([condition("total_spent", "lt", 0)], "total_spent lt 0 can never hold"),
        ([condition("email", "in", [])], "email in [] can never hold"),
        ([condition("tags", "has_any", [])], "tags has_any [] can never hold"),
        ([condition("created_at", "is_empty")], "created_at is_empty can never hold"),
        ([condition("notes", "not_contains", "")], 'notes not_contains "" can never hold'),
        (
            [condition("days_since_created", "gt", 2), condition("days_since_created", "lt", 3)],
            "days_since_created gt 2 and days_since_created lt 3 can never both hold",
        ),
        (
            [
                condition("days_since_last_order", "gte", 90),
                condition("last_order_date", "within_last_days", "89.5"),
            ],
            "days_since_last_order gte 90 and last_order_date within_last_days 89.5"
            " can never both hold",
        ),
        (
            [
                condition("days_since_last_order", "is_empty"),
                condition("last_order_date", "before", "2026-01-01T01:00:00+01:00"),
            ],
            "days_since_last_order is_empty and"
            ' last_order_date before "2026-01-01T00:00:00Z" can never both hold',
        ),
        (
            [
                condition("date_of_birth", "is_empty"),
                condition("date_of_birth", "after", "1990-01-31"),
            ],
            'date_of_birth is_empty and date_of_birth after "1990-01-31" can never both hold',
        ),
        (
            [condition("country", "eq", "AT"), condition("country", "eq", "Austria")],
            'country eq "at" and country eq "austria" can never both hold',
        ),
        (
            [
                condition("email", "ends_with", "@a.test"),
                condition("email", "ends_with", "@b.test"),
            ],
            'email ends_with "@a.test" and email ends_with "@b.test" can never both hold',
        ),
        (
            [condition("email", "starts_with", "ann@"), condition("email", "not_contains", "@")],
            'email starts_with "ann@" and email not_contains "@" can never both hold',
        ),
        (
            [condition("phone", "contains", "55"), condition("phone", "is_empty")],
            'phone contains "55" and phone is_empty can never both hold',
        ),
        (
            [condition("status", "neq", status) for status in CustomerStatus],
            'status neq "ACTIVE", status neq "INACTIVE" and status neq "BLOCKED"'
            " can never all hold",
        ),
        (
            [condition("has_account", "is_true"), condition("has_account", "eq", "false")],
            "has_account is_true and has_account eq false can never both hold",
        ),
        (
            [
                condition("tags", "has_all", ["VIP", "new"]),
                condition("tags", "not_contains", "vip"),
            ],
            'tags has_all ["new", "vip"] and tags not_contains "vip" can never both hold',
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else "",
)
def test_a_contradiction_names_fields_operators_and_values(written: object, message: str) -> None:
    assert messages(written) == [message]


@pytest.mark.parametrize(
    "written",
    [
        [condition("total_spent", "between", [5, 5])],
        [condition("total_spent", "gte", 5), condition("total_spent", "lte", 5)],
        [condition("total_spent", "gt", 5), condition("total_spent", "lt", 6)],
        [condition("total_spent", "gt", 5), condition("average_order_value", "lt", 3)],
        [condition("days_since_created", "gt", 2), condition("days_since_created", "lt", 4)],
        [condition("days_since_created", "eq", 0), condition("days_since_created", "lt", 1)],
        [condition("last_order_date", "within_last_days", 0)],
        [
            condition("last_order_date", "within_last_days", 1),
            condition("last_order_date", "before", "2000-01-01T00:00:00Z"),
        ],
        [condition("days_since_last_order", "neq", 5), condition("last_order_date", "is_empty")],
        [condition("last_order_date", "is_empty"), condition("first_order_date", "is_not_empty")],
        [condition("total_orders", "lt", 1), condition("last_order_date", "is_not_empty")],
        [condition("email", "starts_with", "a"), condition("email", "starts_with", "ann")],
        [condition("email", "starts_with", "a"), condition("email", "ends_with", "b")],
        [condition("email", "not_contains", "ann"), condition("email", "contains", "an")],
        [condition("first_name", "eq", "STRASSE"), condition("first_name", "contains", "ß")],
        [condition("last_name", "is_empty"), condition("last_name", "neq", "x")],
        [condition("status", "neq", "ACTIVE"), condition("status", "neq", "BLOCKED")],
        [condition("tags", "contains", "a"), condition("tags", "contains", "b")],
        [condition("tags", "has_all", []), condition("tags", "is_empty")],
        [condition("tags", "has_any", ["a", "b"]), condition("tags", "not_contains", "a")],
    ],
    ids=str,
)
def test_conditions_that_might_hold_are_not_reported(written: object) -> None:
    assert messages(written) == []


def test_only_contradictory_conditions_are_named() -> None:
    written = [
        condition("total_spent", "gt", 1),
        condition("status", "eq", "ACTIVE"),
        [[condition("total_spent", "gt", 5)], condition("total_spent", "neq", 4)],
        condition("total_spent", "lt", 3),
    ]

    assert messages(written) == ["total_spent gt 5 and total_spent lt 3 can never both hold"]


def test_every_field_has_its_own_contradiction() -> None:
    written = [condition("total_spent", "lt", 0), condition("total_orders", "lt", 0)]

    assert messages(written) == [
        "total_spent lt 0 can never hold",
        "total_orders lt 0 can never hold",
    ]


def test_alternatives_do_not_contradict_each_other() -> None:
    assert (
        messages(group("OR", condition("total_spent", "gt", 5), condition("total_spent", "lt", 3)))
        == []
    )


def test_an_impossible_alternative_is_reported_although_others_are_possible() -> None:
    impossible = [condition("total_spent", "gt", 5), condition("total_spent", "lt", 3)]

    result = messages(group("OR", impossible, condition("status", "eq", "ACTIVE"), impossible))

    assert result == ["total_spent gt 5 and total_spent lt 3 can never both hold"]


def test_an_alternative_can_contradict_the_conditions_beside_it() -> None:
    written = [
        group("OR", condition("total_spent", "lt", 3), condition("total_spent", "lt", 9)),
        condition("total_spent", "gt", 5),
    ]

    assert messages(written) == ["total_spent gt 5 and total_spent lt 3 can never both hold"]


def test_under_not_no_alternative_may_hold() -> None:
    conditions = [condition("total_spent", "gt", 5), condition("total_spent", "lte", 5)]

    expected = "NOT (total_spent gt 5) and NOT (total_spent lte 5) can never both hold"
    assert messages(group("NOT", *conditions)) == [expected]
    assert messages(group("NOT", group("OR", *conditions))) == [expected]
    assert messages(group("NOT", conditions)) == []


def test_the_negation_of_a_contradiction_is_none() -> None:
    impossible = [condition("total_spent", "gt", 5), condition("total_spent", "lt", 3)]

    assert messages(group("NOT", impossible)) == []
    assert messages(group("NOT", group("NOT", impossible))) == [
        "total_spent gt 5 and total_spent lt 3 can never both hold"
    ]


def test_a_missing_value_satisfies_negated_conditions() -> None:
    ages = [
        condition("days_since_last_order", "gte", 1),
        condition("days_since_last_order", "lt", 1),
    ]

    assert messages(group("NOT", *ages)) == []
    assert messages([group("NOT", *ages), condition("last_order_date", "is_not_empty")]) == [
        "NOT (days_since_last_order gte 1), NOT (days_since_last_order lt 1)"
        " and last_order_date is_not_empty can never all hold"
    ]


@pytest.mark.parametrize("written", [None, [], "", [[], group("OR")], group("NOT")])
def test_a_rule_without_conditions_has_no_members(written: object) -> None:
    assert contradictions(parse(written)) == [
        Contradiction(message="a rule without conditions has no members")
    ]


@pytest.mark.parametrize("empty", [group("OR"), group("NOT", []), group("NOT", group("NOT"))])
def test_an_empty_group_that_never_holds_is_reported(empty: object) -> None:
    assert messages([condition("total_spent", "gt", 5), empty]) == [
        "a group without conditions can never hold here"
    ]


@pytest.mark.parametrize("empty", [group("AND"), group("NOT"), group("NOT", group("OR"))])
def test_an_empty_group_that_always_holds_is_not_reported(empty: object) -> None:
    assert messages([condition("total_spent", "gt", 5), empty]) == []


def test_long_values_are_shortened() -> None:
    (message,) = messages([condition("notes", "eq", "x" * 4_000), condition("notes", "is_empty")])

    assert message == f'notes eq "{"x" * 78}… and notes is_empty can never both hold'


def test_long_lists_are_not_checked() -> None:
    def within(values: int) -> list[object]:
        return [
            condition("total_orders", "in", [*range(values)]),
            condition("total_orders", "gt", 999),
        ]

    assert len(messages(within(100))) == 1
    assert messages(within(101)) == []
