"""Refresh states: for which moment stored members are exact, and how far a backfill is."""

from uuid import UUID

import pytest
from attrs import evolve

from customers.core.model.membership import RefreshState
from tests.support.builders import NOW, an_id, later

READY = RefreshState(watermark=NOW)
BACKFILL = RefreshState(target=NOW)
CUSTOMER_ID = an_id()
OTHER_ID = UUID(int=CUSTOMER_ID.int - 1)


@pytest.mark.parametrize(
    ("cursor", "watermark"),
    [(None, NOW), (OTHER_ID, NOW), (CUSTOMER_ID, later(days=3)), (an_id(), later(days=3))],
)
def test_customers_up_to_the_cursor_are_exact_for_the_target(
    cursor: UUID | None, watermark: object
) -> None:
    state = evolve(READY, target=later(days=3), cursor=cursor)
    assert state.watermark_of(CUSTOMER_ID) == watermark


def test_no_customer_is_exact_during_a_backfill() -> None:
    assert evolve(BACKFILL, cursor=CUSTOMER_ID).watermark_of(CUSTOMER_ID) is None


def test_members_are_not_evaluated_before_a_moment_for_which_some_are_stored() -> None:
    halfway = evolve(READY, target=later(hours=1))
    assert READY.evaluation_time(later(hours=-1)) == NOW
    assert halfway.evaluation_time(NOW) == later(hours=1)
    assert halfway.evaluation_time(later(hours=2)) == later(hours=2)
    assert RefreshState(target=later(hours=1)).evaluation_time(NOW) == NOW


def test_the_progress_of_a_backfill_is_1_only_when_it_is_ready() -> None:
    assert evolve(BACKFILL, scanned=50).progress(200) == 0.25
    assert evolve(BACKFILL, scanned=300).progress(200) == 0.999
    assert BACKFILL.progress(0) == 0
    assert READY.progress(200) == 1
