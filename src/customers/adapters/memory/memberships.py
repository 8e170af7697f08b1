"""Stored members in memory, and the feed that tells how they came to be who they are."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from attrs import asdict, evolve

from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.model.membership import Flip, MemberChange, Standing


def followed(state: State, flips: Iterable[Flip]) -> State:
    """With stored members and feeds as they are after the flips, one after the other."""
    members, feeds, sequence = state.members, state.feeds, state.last_sequence
    for flip in flips:
        sequence += 1
        inside = members.get(flip.segment_id, NOTHING)
        inside = placed(inside, flip.customer_id, flip.entered or None)
        members = members.set(flip.segment_id, inside)
        feed = feeds.get(flip.segment_id, NOTHING)
        change = MemberChange(sequence=sequence, **asdict(flip, recurse=False))
        feeds = feeds.set(flip.segment_id, feed.set(len(feed), change))
    return evolve(state, members=members, feeds=feeds, last_sequence=sequence)


def changes(state: State, segment_id: UUID, after: int, limit: int) -> Sequence[MemberChange]:
    """The feed of a segment beyond a sequence."""
    feed = state.feeds.get(segment_id, NOTHING)
    places = range(len(feed))
    start = bisect_right(places, after, key=lambda place: feed[place].sequence)
    return [feed[place] for place in places[start : start + limit]]


def standings(state: State, segment_ids: Collection[UUID] | None) -> Mapping[UUID, Standing]:
    """How far the members of those segments have come, None: of all; and how many they are."""
    wanted = state.segments if segment_ids is None else segment_ids
    return {each: _standing(state, each) for each in wanted if each in state.segments}


def is_unsettled(state: State) -> bool:
    """Whether there are marks, or a segment whose members are being built."""
    told = (_standing(state, each) for each in state.segments)
    return bool(state.marks) or any(not each.is_ready for each in told)


def _standing(state: State, segment_id: UUID) -> Standing:
    members = len(state.members.get(segment_id, NOTHING))
    return evolve(state.standings.get(segment_id, _NOT_TOLD), members=members)


_NOT_TOLD = Standing()
