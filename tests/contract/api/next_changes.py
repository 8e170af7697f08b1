"""The time of the next membership change in an explanation."""

from datetime import timedelta
from typing import Any, Final

import pytest

from tests.contract.api.explanations import explain, moment
from tests.support.api_client import Api
from tests.support.api_steps import a_segment, an_order, customer_path
from tests.support.builders import NOW

INSTANT: Final = timedelta(microseconds=1)
DAY: Final = timedelta(days=1)
# Conditions on the days since `NOW`, and how long after `NOW` their verdicts change.
CHANGES: Final[list[tuple[str, Any, list[timedelta]]]] = [
    ("gt", 90, [91 * DAY]),
    ("gt", 1.5, [2 * DAY]),
    ("gte", 2, [2 * DAY]),
    ("gte", 0, []),
    ("lt", 30, [30 * DAY]),
    ("lt", 1.5, [2 * DAY]),
    ("lt", 0, []),
    ("lte", 30, [31 * DAY]),
    ("eq", 5, [5 * DAY, 6 * DAY]),
    ("eq", 0, [DAY]),
    ("eq", 1.5, []),
    ("neq", "5", [5 * DAY, 6 * DAY]),
    ("between", [3, 7], [3 * DAY, 8 * DAY]),
    ("between", [7, 3], []),
    ("in", [0, 1, 4], [2 * DAY, 4 * DAY, 5 * DAY]),
    ("not_in", [1, 2], [DAY, 3 * DAY]),
    ("in", [], []),
    ("gt", 36_500, [36_501 * DAY]),
    ("is_not_empty", None, []),
]
WINDOWS: Final[list[tuple[str, Any, list[timedelta]]]] = [
    ("within_last_days", 7, [7 * DAY + INSTANT]),
    ("within_last_days", 0.5, [DAY / 2 + INSTANT]),
    ("within_last_days", 0, [INSTANT]),
    ("more_than_days_ago", 7, [7 * DAY + INSTANT]),
    ("more_than_days_ago", 0, [INSTANT]),
    ("before", "2027-01-01T00:00:00Z", []),
]
OLD: Final = {"field": "days_since_created", "operator": "gte", "value": 10}
YOUNG: Final = {"field": "days_since_created", "operator": "lt", "value": 20}
# Rules of several conditions, and when the whole verdict changes.
TREES: Final[list[tuple[Any, list[timedelta]]]] = [
    ([OLD, YOUNG], [10 * DAY, 20 * DAY]),
    ({"logic": "OR", "conditions": [OLD, YOUNG]}, []),
    ({"logic": "NOT", "conditions": [OLD, YOUNG]}, []),
    ({"logic": "NOT", "conditions": [{"logic": "AND", "conditions": [OLD, YOUNG]}]},
     [10 * DAY, 20 * DAY]),
    ([OLD, {"field": "total_orders", "operator": "gt", "value": 0}], []),
    ({"logic": "OR", "conditions": [OLD, {"field": "tags", "operator": "is_empty"}]}, []),
]  # fmt: skip


async def check_changes(api: Api, rules: Any, customer: str, moments: list[Any]) -> None:
    """Asserts that the verdict changes at these moments only, as explanations have announced."""
    segment = await a_segment(api, rules=rules)
    verdict = (await explain(api, segment, customer)).body["member"]
    for expected in moments:
        for now in (api.clock.moment, expected - INSTANT):
            api.clock.moment = now
            explanation = (await explain(api, segment, customer)).body
            assert (explanation["member"], explanation["tree"]["matches"]) == (verdict, verdict)
            assert moment(explanation["nextChangeAt"]) == expected
        api.clock.moment, verdict = expected, not verdict
    explanation = (await explain(api, segment, customer)).body
    assert (explanation["member"], explanation["nextChangeAt"]) == (verdict, None)


class ExplainedTimeContract:
    @pytest.mark.parametrize(("operator", "value", "after"), CHANGES)
    async def test_an_age_condition_changes_at_a_full_day(
        self, api: Api, operator: str, value: Any, after: list[timedelta]
    ) -> None:
        rules = [{"field": "days_since_created", "operator": operator, "value": value}]
        await check_changes(api, rules, await customer_path(api), [NOW + delay for delay in after])

    @pytest.mark.parametrize(("operator", "value", "after"), WINDOWS)
    async def test_a_window_condition_changes_just_after_its_end(
        self, api: Api, operator: str, value: Any, after: list[timedelta]
    ) -> None:
        rules = [{"field": "created_at", "operator": operator, "value": value}]
        await check_changes(api, rules, await customer_path(api), [NOW + delay for delay in after])

    @pytest.mark.parametrize(("rules", "after"), TREES)
    async def test_the_next_change_is_that_of_the_whole_rule(
        self, api: Api, rules: Any, after: list[timedelta]
    ) -> None:
        await check_changes(api, rules, await customer_path(api), [NOW + delay for delay in after])

    @pytest.mark.parametrize(
        ("field", "operator", "after"),
        [("days_since_last_order", "gt", DAY), ("last_order_date", "more_than_days_ago", INSTANT)],
    )
    async def test_an_order_dated_in_the_future_counts_as_now(
        self, api: Api, field: str, operator: str, after: timedelta
    ) -> None:
        customer, order_date = await customer_path(api), NOW + timedelta(hours=10, microseconds=7)
        await an_order(api, customer, "o-1", 1, orderDate=order_date.isoformat())
        rules = [{"field": field, "operator": operator, "value": 0}]
        await check_changes(api, rules, customer, [order_date + after])

    async def test_each_condition_shows_its_own_next_change(self, api: Api) -> None:
        segment = await a_segment(api, rules={"logic": "OR", "conditions": [OLD, YOUNG]})
        customer, changes = await customer_path(api), []
        for days in (0, 10, 20):
            api.clock.moment = NOW + days * DAY
            body = (await explain(api, segment, customer)).body
            leaves = body["tree"]["conditions"]
            changes.append([leaf["changesAt"] and moment(leaf["changesAt"]) for leaf in leaves])
        ten, twenty = NOW + 10 * DAY, NOW + 20 * DAY
        assert changes == [[ten, twenty], [None, twenty], [None, None]]

    @pytest.mark.parametrize("operator", ["gt", "lt", "neq", "not_in", "is_empty"])
    async def test_time_does_not_move_a_customer_without_orders(
        self, api: Api, operator: str
    ) -> None:
        value = [1] if operator == "not_in" else 1
        rules = [{"field": "days_since_last_order", "operator": operator, "value": value}]
        segment, customer = await a_segment(api, rules=rules), await customer_path(api)
        explanation = (await explain(api, segment, customer)).body
        (leaf,) = explanation["tree"]["conditions"]
        assert (explanation["member"], leaf["actual"]) == (operator not in ("gt", "lt"), None)
        assert (explanation["nextChangeAt"], leaf["changesAt"]) == (None, None)

    async def test_an_order_moves_the_next_change(self, api: Api) -> None:
        rules = [{"field": "days_since_last_order", "operator": "gt", "value": 90}]
        segment, customer = await a_segment(api, rules=rules), await customer_path(api)
        for days in (0, 30):
            api.clock.moment = NOW + days * DAY
            await an_order(api, customer, f"o-{days}", 1)
            explanation = (await explain(api, segment, customer)).body
            assert moment(explanation["nextChangeAt"]) == NOW + (days + 91) * DAY
