"""Use cases of previews: which customers rules match, before a segment has these rules."""

from datetime import datetime
from uuid import UUID

from attrs import evolve

from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.membership import expect_built
from customers.core.model.preview import ChangePreview, Preview, Sample
from customers.core.model.query import CustomerSort, Page
from customers.core.model.rules.algebra import complement, difference
from customers.core.model.rules.contradictions import contradictions
from customers.core.model.rules.tree import Rule
from customers.core.model.segment import RulesText, Segment
from customers.core.ports.clock import Clock
from customers.core.ports.storage import Storage, View


class Previews:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def preview(
        self, tenant_id: str, rules: RulesText, sample: int, *, strict: bool
    ) -> Preview:
        """The number of customers whom rules match now, and the newest `sample` of them.

        Raises Invalid.
        """
        rule = _rule(rules, strict=strict)
        async with self._storage.analytic.consistent_view(tenant_id) as view:
            members = await _sample(view, _matching(rule, self._clock.now()), sample)
        warnings = [contradiction.message for contradiction in contradictions(rule)]
        return Preview(members=members, warnings=warnings)

    async def preview_change(
        self, tenant_id: str, segment_id: UUID, rules: RulesText, sample: int, *, strict: bool
    ) -> ChangePreview:
        """The customers who would enter and leave a segment with other rules, as if it were active.

        Raises SegmentNotFound, Invalid, SegmentFailed.
        """
        rule = _rule(rules, strict=strict)
        async with self._storage.analytic.consistent_view(tenant_id) as view:
            segment = await view.segments.get(segment_id)
            states = await view.memberships.refresh_states([segment_id])
            expect_built(segment, states[segment_id])
            filters = _change(segment, rule, self._clock.now())
            entering, leaving = [await _sample(view, one, sample) for one in filters]
        return ChangePreview(entering=entering, leaving=leaving)


def _rule(rules: RulesText, *, strict: bool) -> Rule:
    return rules.rule(is_dynamic=True, strict=strict) or Rule()


def _matching(rule: Rule, now: datetime) -> CustomerFilter | None:
    """The filter of the customers a rule matches; None matches nobody."""
    return None if rule.is_empty else CustomerFilter(rule=RuleAt(rule=rule, now=now))


def _change(
    segment: Segment, rule: Rule, now: datetime
) -> tuple[CustomerFilter | None, CustomerFilter | None]:
    """The filters of the customers who would enter and who would leave the segment."""
    if segment.rule is not None:
        entering = _matching(difference(rule, segment.rule), now)
        return entering, _matching(difference(segment.rule, rule), now)
    others, matching = complement(rule), _matching(rule, now)
    rest = None if others is None else RuleAt(rule=others, now=now)
    entering = None if matching is None else evolve(matching, not_assigned_to=segment.id)
    return entering, CustomerFilter(assigned_to=segment.id, rule=rest)


async def _sample(view: View, customer_filter: CustomerFilter | None, size: int) -> Sample:
    if customer_filter is None:
        return Sample(count=0, customers=())
    count = await view.customers.count(customer_filter)
    page = Page(number=1, size=size)
    customers = await view.customers.page(customer_filter, CustomerSort(), page) if size else ()
    return Sample(count=count, customers=customers)
