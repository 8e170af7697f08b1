"""Use cases of looking into segments: previews of rules, explanations, and the feed of changes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from customers.core.membership.refresh import settle_segment
from customers.core.model.membership import MemberChange, belongs
from customers.core.model.preview import (
    ChangePreview,
    Explanation,
    Preview,
    Sample,
    but_not,
    complement,
)
from customers.core.model.query import CustomerFilter, CustomerOrder, Page, RuleAt
from customers.core.model.rules.contradictions import clashes
from customers.core.model.rules.explain import explain
from customers.core.model.rules.matches import Reading
from customers.core.model.rules.timing import next_change
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import Segment, WrittenRules
from customers.core.ports import Clock, Storage, View


class Insights:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def preview(
        self, tenant_id: str, rules: WrittenRules, sample: int, *, strict: bool
    ) -> Preview:
        """Whom rules match now, with at most `sample` of them. Raises Invalid."""
        rule = _rule(rules, strict=strict)
        async with self._storage.snapshot(tenant_id) as view:
            members = await _sample(view, _matched(rule, self._clock.now()), sample)
        return Preview(members=members, warnings=[clash.message for clash in clashes(rule)])

    async def preview_change(
        self, tenant_id: str, segment_id: UUID, rules: WrittenRules, sample: int, *, strict: bool
    ) -> ChangePreview:
        """Who would enter and leave the segment with other rules, as if it were active.

        Raises SegmentNotFound, Invalid.
        """
        rule = _rule(rules, strict=strict)
        async with self._storage.snapshot(tenant_id) as view:
            segment = await view.segments.get(segment_id)
            entering, leaving = _moved(segment, rule, self._clock.now())
            return ChangePreview(
                entering=await _sample(view, entering, sample),
                leaving=await _sample(view, leaving, sample),
            )

    async def explain(self, tenant_id: str, segment_id: UUID, customer_id: UUID) -> Explanation:
        """Why a customer is in a segment, or is not. Raises SegmentNotFound, CustomerNotFound."""
        async with self._storage.snapshot(tenant_id) as view:
            segment = await view.segments.get(segment_id)
            customer = await view.customers.get(customer_id)
            standing = (await view.segments.standings([segment_id]))[segment_id]
            assignment = await view.segments.assignment(segment_id, customer_id)
        now = standing.moment(self._clock.now())
        assigned = [] if assignment is None else [segment_id]
        explanation = Explanation(
            is_member=belongs(segment, Reading(customer, now), assigned), evaluated_at=now
        )
        if segment.rule is None:
            return evolve(explanation, assignment=assignment)
        written = WrittenRules(text=segment.rules_written or "null").value
        return evolve(
            explanation,
            next_change_at=next_change(segment.rule, customer, now) if segment.is_active else None,
            tree=explain(segment.rule, written, customer, now),
        )

    async def changes(
        self, tenant_id: str, segment_id: UUID, after: int, limit: int
    ) -> Sequence[MemberChange]:
        """The next entries and exits of a segment's members, all of them until now.

        Raises SegmentNotFound.
        """
        await settle_segment(self._storage, tenant_id, segment_id, self._clock)
        async with self._storage.view(tenant_id) as view:
            return await view.segments.changes(segment_id, after, limit)


def _rule(rules: WrittenRules, *, strict: bool) -> Rule:
    return rules.rule(is_dynamic=True, strict=strict) or Rule()


def _matched(rule: Rule, now: datetime) -> CustomerFilter | None:
    """None keeps nobody."""
    return None if rule.is_empty else CustomerFilter(rule=RuleAt(rule=rule, now=now))


def _moved(
    segment: Segment, rule: Rule, now: datetime
) -> tuple[CustomerFilter | None, CustomerFilter | None]:
    """Who would enter the segment, and who would leave it."""
    if segment.rule is not None:
        entering = _matched(but_not(rule, segment.rule), now)
        return entering, _matched(but_not(segment.rule, rule), now)
    others = complement(rule)
    matched = _matched(rule, now)
    return (
        None if matched is None else evolve(matched, not_assigned_to=segment.id),
        CustomerFilter(
            assigned_to=segment.id,
            rule=None if others is None else RuleAt(rule=others, now=now),
        ),
    )


async def _sample(view: View, which: CustomerFilter | None, size: int) -> Sample:
    if which is None:
        return Sample(count=0, customers=())
    count = await view.customers.count(which)
    page = Page(number=1, size=size)
    customers = await view.customers.page(which, CustomerOrder(), page) if size else ()
    return Sample(count=count, customers=customers)
