"""Changes of a customer, and their effects on version, lock and personal data."""

from uuid import UUID

import pytest

from customers.core.errors import AlreadyBlocked, NotBlocked, StaleVersion
from customers.core.model.customer import CustomerChange, CustomerStatus
from tests.support.builders import NOW, a_customer, an_id, later

ACTOR = UUID("0190b2f0-0000-7000-8000-000000000001")


def test_a_change_sets_its_fields_and_raises_the_version() -> None:
    changed = a_customer(phone="1").change(
        CustomerChange(first_name="Eva", tags=("b",)), now=later(days=1), actor=None
    )
    assert (changed.first_name, changed.tags, changed.phone) == ("Eva", ("b",), "1")
    assert (changed.version, changed.updated_at) == (2, later(days=1))


def test_a_change_without_effect_returns_the_same_customer() -> None:
    customer = a_customer(first_name="Ada")
    same = customer.change(CustomerChange(first_name="Ada"), now=later(days=1), actor=None)
    assert same is customer


def test_a_status_set_to_blocked_locks_without_a_reason() -> None:
    blocked = a_customer().change(
        CustomerChange(status=CustomerStatus.BLOCKED), now=NOW, actor=ACTOR
    )
    assert (blocked.lock_reason, blocked.locked_at, blocked.locked_by) == ("", NOW, ACTOR)


def test_a_status_set_back_to_active_unlocks_and_keeps_the_lock() -> None:
    blocked = a_customer().lock("a long reason", now=NOW, actor=None)
    active = blocked.change(CustomerChange(status=CustomerStatus.ACTIVE), now=NOW, actor=ACTOR)
    assert (active.unlock_reason, active.unlocked_by) == ("", ACTOR)
    assert active.lock_reason == "a long reason"


def test_a_lock_clears_the_last_unlock() -> None:
    customer = a_customer().lock("a long reason", now=NOW, actor=None)
    customer = customer.unlock("another reason", now=NOW, actor=ACTOR)
    locked = customer.lock("a third reason", now=NOW, actor=None)
    assert (locked.unlock_reason, locked.unlocked_at, locked.unlocked_by) == (None, None, None)


def test_only_an_unblocked_customer_is_locked_and_only_a_blocked_one_unlocked() -> None:
    customer = a_customer()
    with pytest.raises(NotBlocked):
        customer.unlock("a long reason", now=NOW, actor=None)
    with pytest.raises(AlreadyBlocked):
        customer.lock("a long reason", now=NOW, actor=None).lock("again!", now=NOW, actor=None)


def test_an_account_is_linked_once() -> None:
    first, second = an_id(), an_id()
    linked = a_customer().linked(first, now=NOW)
    assert linked.linked(second, now=NOW) is linked
    assert (linked.user_id, linked.version) == (first, 2)


def test_an_expected_version_is_checked() -> None:
    customer = a_customer(version=3)
    customer.expect(None)
    customer.expect(frozenset({1, 3}))
    with pytest.raises(StaleVersion):
        customer.expect(frozenset({2}))


def test_an_update_is_never_before_the_last_one() -> None:
    customer = a_customer(updated_at=later(hours=1))
    assert customer.with_next_version(NOW).updated_at == later(hours=1)


def test_a_search_text_has_email_name_and_phone_on_separate_lines() -> None:
    text = a_customer(email="A@x.test", first_name="Zoé", last_name="Weiß", phone="+1").search_text
    assert "zoé weiss" in text
    assert "a@x.test" in text
    assert "weiss+1" not in text


def test_an_erased_customer_has_no_personal_data() -> None:
    customer = a_customer(phone="1", notes="n", tags=("t",), lock_reason="r", user_id=an_id())
    erased = customer.erased(NOW)
    assert erased.email == erased.first_name == erased.phone == erased.notes == ""
    assert (erased.tags, erased.user_id, erased.lock_reason) == ((), None, None)
    assert (erased.id, erased.erased_at, erased.deleted_at) == (customer.id, NOW, NOW)
