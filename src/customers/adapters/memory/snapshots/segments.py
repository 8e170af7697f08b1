"""The rows of segments, with who was put into them, how far they are settled, and their feeds.

Stored members follow from the feed, and a rule from how it was written: neither stands in a row.
"""

from collections.abc import Iterable
from operator import attrgetter
from uuid import UUID

from attrs import evolve
from immutables import Map

from customers.adapters.memory.snapshots import rows
from customers.adapters.memory.snapshots.nodes import Node, Seen
from customers.adapters.memory.snapshots.shapes import Row
from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.errors import Invalid, InvalidValue, SegmentNameTaken
from customers.core.model.customer import Customer
from customers.core.model.membership import Assignment, RefreshState, SequencedChange
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import RulesText, Segment, decode_rules
from customers.core.model.values import IdGate


def segment_rows(state: State) -> list[Row]:
    """Oldest id first."""
    return [_row(state, each) for each in sorted(state.segments.values(), key=attrgetter("id"))]


def with_segment_row(state: State, node: Node, seen: Seen) -> State:
    """The state with the segment of a row; without where the row is refused or contradicts.

    A row that says nothing of a standing, not even null, has its members built, as of its last
    change.
    """
    segment = _segment(node, seen)
    assigned = _assignments(node, seen)
    changes = _changes(node, seen, segment)
    refresh_state = _standing(node, segment)
    if segment is None:
        return state
    seen.expect_new(node.below("id"), Segment, segment.id)
    if segment.is_dynamic and assigned:
        node.below("assignments").contradict("INVALID_VALUE", "must be empty: it is dynamic")
    if segment.name_key in state.names:
        node.below("name").contradict(SegmentNameTaken.code, SegmentNameTaken.message)
    return evolve(
        state,
        segments=state.segments.set(segment.id, segment),
        names=state.names.set(segment.name_key, segment.id),
        assignments=placed(state.assignments, segment.id, assigned or None),
        members=placed(state.members, segment.id, _members(changes) or None),
        refresh_states=placed(state.refresh_states, segment.id, refresh_state),
        feeds=placed(state.feeds, segment.id, Map(enumerate(changes)) or None),
    )


def _row(state: State, segment: Segment) -> Row:
    assigned: Map[UUID, Assignment] = state.assignments.get(segment.id, NOTHING)
    feed: Map[int, SequencedChange] = state.feeds.get(segment.id, NOTHING)
    refresh_state = state.refresh_states.get(segment.id)
    return rows.SEGMENT.write(
        segment,
        assignments=[
            {"customerId": str(each), **rows.ASSIGNMENT.write(assigned[each])}
            for each in sorted(assigned)
        ],
        refreshState=None if refresh_state is None else rows.STANDING.write(refresh_state),
        changes=[rows.CHANGE.write(feed[place]) for place in range(len(feed))],
    )


def _segment(node: Node, seen: Seen) -> Segment | None:
    segment = node.read(rows.SEGMENT, tenant_id=seen.tenant_id)
    return None if segment is None else evolve(segment, rule=_rule(node, segment))


def _rule(node: Node, segment: Segment) -> Rule | None:
    if segment.rules_text is None:
        return parse(None) if segment.is_dynamic else None
    try:
        written = RulesText(text=segment.rules_text, value=decode_rules(segment.rules_text))
        return written.rule(is_dynamic=segment.is_dynamic, strict=False)
    except Invalid as error:
        node.below("rulesText").refuse_all(error.problems, where="/rules")
        return None


def _assignments(node: Node, seen: Seen) -> Map[UUID, Assignment]:
    found: dict[UUID, Assignment] = {}
    for each in node.rows("assignments"):
        assignment = each.read(rows.ASSIGNMENT)
        at = each.below("customerId")
        try:
            customer_id = IdGate().read(at.value)
        except InvalidValue as refused:
            at.refuse(refused)
            continue
        _expect_known(at, customer_id, seen)
        if customer_id in found:
            at.contradict("DUPLICATE", "stands in another row already")
        if assignment is not None:
            found[customer_id] = assignment
    return Map(found)


def _changes(node: Node, seen: Seen, segment: Segment | None) -> list[SequencedChange]:
    segment_id = None if segment is None else segment.id
    found = []
    for each in node.rows("changes"):
        if (change := each.read(rows.CHANGE, segment_id=segment_id)) is not None:
            _expect_known(each.below("customerId"), change.customer_id, seen)
            found.append((each.below("sequence"), change))
    seen.expect_rising(SequencedChange, ((at, change.sequence) for at, change in found))
    return [change for _, change in found]


def _expect_known(node: Node, customer_id: UUID, seen: Seen) -> None:
    if not seen.knows(Customer, customer_id):
        node.contradict("CUSTOMER_NOT_FOUND", "is no customer of this tenant")


def _standing(node: Node, segment: Segment | None) -> RefreshState | None:
    if segment is not None and not node.has("refreshState"):
        return RefreshState(target=segment.updated_at)
    row = node.row("refreshState")
    return None if row is None else row.read(rows.STANDING)


def _members(changes: Iterable[SequencedChange]) -> Map[UUID, bool]:
    """Those whose last change was an entry."""
    members: Map[UUID, bool] = NOTHING
    for change in changes:
        members = placed(members, change.customer_id, change.entered or None)
    return members
