"""Upserts: what the rows of a group do, one after another."""

from typing import Any
from uuid import UUID

from attrs import evolve

from customers.core.errors import CustomerNotFound, EmailTaken
from customers.core.model.customer import Customer, CustomerType
from customers.core.model.upsert import CustomerRow, Upsert, Upserted, UpsertGroup, UpsertOutcome
from tests.support.builders import NOW, a_customer, an_id, later

NEXT = later(hours=1)
REQUIRED: dict[str, Any] = {"first_name": "Ada", "last_name": "Lovelace"}


def an_upsert(email: str, **fields: Any) -> Upsert:
    row = CustomerRow(**REQUIRED | {"email": email} | fields)
    given = frozenset({*REQUIRED, "email", *fields})
    new = Customer.new(row, id=row.id or an_id(), tenant_id="tenant", now=NEXT)
    return Upsert(row=row, given=given, new=new)


def a_group(*stored: Customer) -> UpsertGroup:
    return UpsertGroup(stored, now=NEXT, actor=None)


def stored_customer(email: str, **fields: Any) -> Customer:
    return a_customer(email=email, **fields)


def brief(outcome: UpsertOutcome) -> Any:
    return (outcome.is_new, outcome.is_changed) if isinstance(outcome, Upserted) else type(outcome)


CREATED, CHANGED, SAME = (True, True), (False, True), (False, False)


def apply(group: UpsertGroup, *upserts: Upsert) -> list[Any]:
    return [brief(group.apply(upsert)) for upsert in upserts]


def emails(customers: Any) -> list[str]:
    return [customer.email for customer in customers]


def test_a_row_creates_a_customer_with_the_values_and_the_id_that_it_gives() -> None:
    group, upsert = a_group(), an_upsert("a@x.test", phone="12345", id=an_id())
    assert apply(group, upsert) == [CREATED]
    [writes] = group.writes()
    [customer] = writes.added
    assert (customer.id, customer.phone, customer.version) == (upsert.row.id, "12345", 1)
    assert (customer.created_at, customer.updated_at) == (NEXT, NEXT)
    assert (writes.changed, writes.moved) == ([], [])


def test_an_existing_customer_keeps_what_the_row_does_not_give() -> None:
    before = stored_customer("a@x.test", phone="12345", customer_type=CustomerType.VIP)
    group = a_group(before)
    assert apply(group, an_upsert("a@x.test", notes="new")) == [CHANGED]
    [writes] = group.writes()
    expected = evolve(before, notes="new", version=2, updated_at=NEXT)
    assert (writes.added, writes.changed) == ([], [expected])


def test_the_same_row_again_changes_nothing() -> None:
    group = a_group(stored_customer("a@x.test"))
    assert apply(group, an_upsert("a@x.test"), an_upsert("a@x.test")) == [SAME, SAME]
    assert group.writes() == []


def test_a_missing_account_is_linked_and_another_one_is_left() -> None:
    first, second = an_id(), an_id()
    group = a_group(stored_customer("a@x.test"))
    rows = [an_upsert("a@x.test", user_id=first, notes="n"), an_upsert("a@x.test", user_id=second)]
    assert apply(group, *rows) == [CHANGED, SAME]
    [[customer]] = [writes.changed for writes in group.writes()]
    assert (customer.user_id, customer.version) == (first, 2)


def test_rows_about_one_new_customer_follow_one_another() -> None:
    group, id = a_group(), an_id()
    rows = [
        an_upsert("a@x.test", id=id),
        an_upsert("a@x.test", notes="n"),
        an_upsert("A@x.test", id=id),
    ]
    assert apply(group, *rows) == [CREATED, CHANGED, CHANGED]
    [writes] = group.writes()
    [customer] = writes.added
    assert (customer.notes, customer.email, customer.version) == ("n", "A@x.test", 3)
    assert writes.changed == writes.moved == []


def test_refused_rows_change_nothing() -> None:
    ann, bob = stored_customer("a@x.test"), stored_customer("b@x.test")
    gone = stored_customer("c@x.test", deleted_at=NOW)
    group = a_group(ann, bob, gone)
    rows = [
        an_upsert("b@x.test", id=ann.id, notes="n"),
        an_upsert("c@x.test", id=gone.id),
    ]
    assert apply(group, *rows) == [EmailTaken, CustomerNotFound]
    assert group.writes() == []


def test_an_email_is_known_although_the_id_is_not() -> None:
    ann, gone = stored_customer("a@x.test"), stored_customer("c@x.test", deleted_at=NOW)
    group = a_group(ann, gone)
    unknown = an_id()
    rows = [
        an_upsert("a@x.test", id=unknown, notes="1"),
        an_upsert("a@x.test", id=gone.id, notes="2"),
        an_upsert("new@x.test", id=unknown),
    ]
    outcomes = [group.apply(row) for row in rows]
    assert [brief(outcome) for outcome in outcomes] == [CHANGED, CHANGED, CREATED]
    ids = [outcome.customer_id for outcome in outcomes if isinstance(outcome, Upserted)]
    assert ids == [ann.id, ann.id, unknown]
    [writes] = group.writes()
    assert [customer.notes for customer in writes.changed] == ["2"]


def test_the_address_of_a_deleted_customer_is_free() -> None:
    assert apply(a_group(stored_customer("c@x.test", deleted_at=NOW)), an_upsert("c@x.test")) == [
        CREATED
    ]


def test_a_changed_address_is_unverified_and_moves_the_customer() -> None:
    ann = stored_customer("a@x.test", email_verified=True)
    group = a_group(ann)
    assert apply(group, an_upsert("b@x.test", id=ann.id)) == [CHANGED]
    [writes] = group.writes()
    assert writes.changed == writes.moved
    assert not writes.changed[0].email_verified


def test_customers_who_exchange_addresses_are_written_one_after_another() -> None:
    ann, bob = stored_customer("a@x.test"), stored_customer("b@x.test")
    group = a_group(ann, bob)
    rows = [
        an_upsert("c@x.test", id=ann.id),
        an_upsert("a@x.test", id=bob.id),
        an_upsert("b@x.test", id=ann.id),
    ]
    assert apply(group, *rows) == [CHANGED] * 3
    steps = [emails(writes.changed) for writes in group.writes()]
    assert steps == [["c@x.test"], ["a@x.test"], ["b@x.test"]]


def test_a_new_customer_gets_a_given_up_address_after_it_was_given_up() -> None:
    ann = stored_customer("a@x.test")
    group = a_group(ann)
    rows = [an_upsert("b@x.test", id=ann.id), an_upsert("a@x.test")]
    assert apply(group, *rows) == [CHANGED, CREATED]
    first, second = group.writes()
    assert (emails(first.changed), emails(first.added)) == (["b@x.test"], [])
    assert (emails(second.changed), emails(second.added)) == ([], ["a@x.test"])


def test_a_customer_who_takes_an_address_back_is_written_once() -> None:
    ann = stored_customer("a@x.test")
    group = a_group(ann)
    rows = [an_upsert("b@x.test", id=ann.id), an_upsert("a@x.test", id=ann.id)]
    assert apply(group, *rows) == [CHANGED, CHANGED]
    [writes] = group.writes()
    assert [customer.version for customer in writes.changed] == [3]


def test_an_id_is_the_customer_of_the_next_rows() -> None:
    id = UUID(int=7)
    group = a_group()
    rows = [an_upsert("a@x.test", id=id), an_upsert("b@x.test", id=id), an_upsert("a@x.test")]
    assert apply(group, *rows) == [CREATED, CHANGED, CREATED]
    assert [emails(writes.added) for writes in group.writes()] == [["b@x.test"], ["a@x.test"]]
