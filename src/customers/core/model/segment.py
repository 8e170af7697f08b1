"""Segments: named sets of customers, kept by hand or by a rule."""

import json
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from attrs import evolve, frozen

from customers.core.errors import Invalid, Refused, SegmentIsDynamic
from customers.core.model.folding import fold
from customers.core.model.json_pointer import Place
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.values import Choice, Flag, IdsGate, Text

MOST_IDS = 1_000


class SegmentType(StrEnum):
    STATIC = "STATIC"
    DYNAMIC = "DYNAMIC"


@frozen(kw_only=True)
class WrittenRules:
    """Rules as the caller wrote them: a JSON text, kept for the echo."""

    text: str

    @property
    def value(self) -> object:
        """What the text says, numbers as exact decimals."""
        return json.loads(self.text, parse_float=Decimal)

    @property
    def is_null(self) -> bool:
        """Whether it says nothing: null, or a string that holds null or nothing."""
        value = self.value
        return value is None or (isinstance(value, str) and value.strip() in ("", "null"))

    def rule(self, *, is_dynamic: bool, strict: bool) -> Rule | None:
        """The rule they say; those of a manual segment are kept and say nothing.

        Raises Invalid, its problems placed at /rules or below.
        """
        if is_dynamic:
            return parse(self.value, strict=strict, at=Place(("rules",)))
        try:
            json.dumps(self.value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            refused = Refused("INVALID_VALUE", "must not hold half of a surrogate pair")
            raise Invalid([refused.at("rules", "/rules")]) from error
        return None


Name = Annotated[str, Text(most=100, blank=False)]
Description = Annotated[str, Text(most=1_000, lines=True)]
TypeChoice = Annotated[SegmentType, Choice(SegmentType)]


@frozen(kw_only=True)
class SegmentDetails:
    """A segment as given; with neither `is_dynamic` nor `segment_type` the rules decide."""

    name: Name
    description: Description = ""
    is_dynamic: Flag | None = None
    segment_type: TypeChoice | None = None
    is_active: Flag = True
    rules: WrittenRules | None = None


@frozen(kw_only=True)
class SegmentChange:
    """The fields to set; None is not given. Rules of `[]` are rules without a condition."""

    name: Name | None = None
    description: Description | None = None
    is_dynamic: Flag | None = None
    segment_type: TypeChoice | None = None
    is_active: Flag | None = None
    rules: WrittenRules | None = None


@frozen(kw_only=True)
class MemberIds:
    """Customers to put into a segment, or to take out of it: 1 to 1,000, each once."""

    customer_ids: Annotated[tuple[UUID, ...], IdsGate(most=MOST_IDS)]


@frozen(kw_only=True)
class Segment:
    """A segment. A dynamic one has a `rule`; `rules_written` is the JSON text it came as."""

    id: UUID
    tenant_id: str
    name: str
    description: str = ""
    rules_written: str | None = None
    rule: Rule | None = None
    is_dynamic: bool = False
    is_active: bool = True
    created_at: datetime
    updated_at: datetime

    @classmethod
    def new(
        cls, details: SegmentDetails, *, id: UUID, tenant_id: str, now: datetime, strict: bool
    ) -> Self:
        """Raises Invalid when it is to be dynamic and its rules cannot be evaluated."""
        rules = _said(details.rules)
        said = wanted(details.is_dynamic, details.segment_type)
        rule = _rule(rules, is_dynamic=said is not False, strict=strict)
        is_dynamic = (rule is not None and not rule.is_empty) if said is None else said
        return cls(
            id=id,
            tenant_id=tenant_id,
            name=details.name,
            description=details.description,
            rules_written=rules.text if rules else None,
            rule=rule if is_dynamic else None,
            is_dynamic=is_dynamic,
            is_active=details.is_active,
            created_at=now,
            updated_at=now,
        )

    @property
    def name_key(self) -> str:
        """What makes a name unique in a tenant."""
        return fold(self.name)

    def change(self, change: SegmentChange, *, now: datetime, strict: bool) -> Self:
        """With the given fields set; itself when that changes nothing. Raises Invalid as `new`."""
        given = _said(change.rules)
        said = wanted(change.is_dynamic, change.segment_type)
        is_dynamic = self.is_dynamic if said is None else said
        text = given.text if given else self.rules_written
        rules = None if text is None else WrittenRules(text=text)
        changed = evolve(
            self,
            name=self.name if change.name is None else change.name,
            description=self.description if change.description is None else change.description,
            is_active=self.is_active if change.is_active is None else change.is_active,
            is_dynamic=is_dynamic,
            rules_written=text,
            rule=_rule(rules, is_dynamic=is_dynamic, strict=strict and given is not None),
        )
        return self if changed == self else evolve(changed, updated_at=max(now, self.updated_at))

    def by_hand(self) -> Self:
        """Itself; raises SegmentIsDynamic when its members follow a rule."""
        if self.is_dynamic:
            raise SegmentIsDynamic
        return self


def wanted(is_dynamic: bool | None, segment_type: SegmentType | None) -> bool | None:
    """Whether a dynamic segment is asked for; None when nothing is said. Raises Invalid."""
    by_type = None if segment_type is None else segment_type is SegmentType.DYNAMIC
    if None not in (is_dynamic, by_type) and is_dynamic is not by_type:
        refused = Refused("INVALID_VALUE", "must agree with isDynamic")
        raise Invalid([refused.at("segmentType", "/segmentType")])
    return by_type if is_dynamic is None else is_dynamic


def _said(rules: WrittenRules | None) -> WrittenRules | None:
    return None if rules is None or rules.is_null else rules


def _rule(rules: WrittenRules | None, *, is_dynamic: bool, strict: bool) -> Rule | None:
    if rules is None:
        return parse(None) if is_dynamic else None
    return rules.rule(is_dynamic=is_dynamic, strict=strict)
