"""Segments: named sets of customers, assigned by hand or matched by a rule."""

import json
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self
from uuid import UUID

from attrs import evolve, field, frozen

from customers.core.errors import Invalid, SegmentIsDynamic
from customers.core.model.folding import fold
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.rules.cost import check_unused, check_written
from customers.core.model.rules.parse import parse
from customers.core.model.rules.tree import Rule
from customers.core.model.values import ChoiceGate, Flag, IdsGate, TextGate

MAX_IDS = 1_000
MAX_SEGMENTS = 500
_RULES = JsonPointer(("rules",))


class SegmentType(StrEnum):
    STATIC = "STATIC"
    DYNAMIC = "DYNAMIC"


@frozen(kw_only=True)
class RulesText:
    """Rules as the JSON text that the caller wrote, which answers repeat, and the decoded value of
    the text.

    Numbers in `value` are int or Decimal, never float.
    """

    text: str
    value: object = field(eq=False)

    @property
    def is_null(self) -> bool:
        """Whether the value is null, or a string that is blank or `null`."""
        return self.value is None or (
            isinstance(self.value, str) and self.value.strip() in ("", "null")
        )

    def rule(self, *, is_dynamic: bool, strict: bool) -> Rule | None:
        """The rule of a dynamic segment; None for a manual segment, whose rules are only stored.

        Raises Invalid with pointers at /rules or below, also for rules that are too expensive.
        """
        if is_dynamic:
            check_written(self.text, _RULES)
            return parse(self.value, strict=strict, location=_RULES)
        check_unused(self.text, _RULES)
        try:
            json.dumps(self.value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            message = "must not contain unpaired surrogates"
            raise Invalid.at("/rules", "INVALID_VALUE", message) from error
        return None


SegmentName = Annotated[str, TextGate(max_length=100, blank=False)]
Description = Annotated[str, TextGate(max_length=1_000, multiline=True)]
SegmentTypeChoice = Annotated[SegmentType, ChoiceGate(SegmentType)]


@frozen(kw_only=True)
class SegmentDetails:
    """The values of a new segment. Without `is_dynamic` and `segment_type` it is dynamic if its
    rules have a condition.
    """

    name: SegmentName
    description: Description = ""
    is_dynamic: Flag | None = None
    segment_type: SegmentTypeChoice | None = None
    is_active: Flag = True
    rules: RulesText | None = None


@frozen(kw_only=True)
class SegmentChange:
    """The fields of a segment to set; a field that is None stays unchanged. The rules `[]` remove
    all conditions.
    """

    name: SegmentName | None = None
    description: Description | None = None
    is_dynamic: Flag | None = None
    segment_type: SegmentTypeChoice | None = None
    is_active: Flag | None = None
    rules: RulesText | None = None


@frozen(kw_only=True)
class MemberIds:
    """The customers to assign to a segment or to remove from it: 1 to 1,000 ids."""

    customer_ids: Annotated[tuple[UUID, ...], IdsGate(limit=MAX_IDS)]


@frozen(kw_only=True)
class Segment:
    """A named set of customers. Only a dynamic segment has a `rule`; `rules_text` is the JSON text
    of the rules, which a manual segment may have too.
    """

    id: UUID
    tenant_id: str
    name: str
    description: str = ""
    rules_text: str | None = None
    rule: Rule | None = None
    is_dynamic: bool = False
    is_active: bool = True
    created_at: datetime
    updated_at: datetime

    @classmethod
    def new(
        cls, details: SegmentDetails, *, id: UUID, tenant_id: str, now: datetime, strict: bool
    ) -> Self:
        """A new segment. Raises Invalid if its rules cannot be parsed or stored, or `is_dynamic`
        and `segment_type` contradict each other.
        """
        rules = _not_null(details.rules)
        choice = _kind_choice(details.is_dynamic, details.segment_type)
        rule = _rule(rules, is_dynamic=choice is not False, strict=strict)
        is_dynamic = (rule is not None and not rule.is_empty) if choice is None else choice
        return cls(
            id=id,
            tenant_id=tenant_id,
            name=details.name,
            description=details.description,
            rules_text=rules.text if rules else None,
            rule=rule if is_dynamic else None,
            is_dynamic=is_dynamic,
            is_active=details.is_active,
            created_at=now,
            updated_at=now,
        )

    @property
    def name_key(self) -> str:
        """The folded name, which is unique in a tenant."""
        return fold(self.name)

    def change(self, change: SegmentChange, *, now: datetime, strict: bool) -> Self:
        """The segment after the change; itself when nothing changes.

        Raises Invalid as `new` does.
        """
        rules = _not_null(change.rules)
        choice = _kind_choice(change.is_dynamic, change.segment_type)
        is_dynamic = self.is_dynamic if choice is None else choice
        names = ("name", "description", "is_active")
        values = {name: getattr(change, name) for name in names}
        changed = evolve(
            self,
            **{name: value for name, value in values.items() if value is not None},
            is_dynamic=is_dynamic,
            rules_text=rules.text if rules else self.rules_text,
            rule=self._changed_rule(rules, is_dynamic=is_dynamic, strict=strict),
        )
        return self if changed == self else evolve(changed, updated_at=max(now, self.updated_at))

    def _changed_rule(
        self, rules: RulesText | None, *, is_dynamic: bool, strict: bool
    ) -> Rule | None:
        if rules is not None:
            return _rule(rules, is_dynamic=is_dynamic, strict=strict)
        if is_dynamic is self.is_dynamic:
            return self.rule
        return _rule(self._stored_rules(), is_dynamic=is_dynamic, strict=False)

    @cached_property
    def rules_value(self) -> object:
        """The decoded value of `rules_text`; None without rules."""
        return None if self.rules_text is None else decode_rules(self.rules_text)

    def manual(self) -> Self:
        """This segment. Raises SegmentIsDynamic when its members follow a rule."""
        if self.is_dynamic:
            raise SegmentIsDynamic
        return self

    def _stored_rules(self) -> RulesText | None:
        text = self.rules_text
        return None if text is None else RulesText(text=text, value=self.rules_value)


def decode_rules(text: str) -> object:
    """The decoded value of rules; numbers with a fraction or an exponent are Decimal."""
    return json.loads(text, parse_float=Decimal)


def _kind_choice(is_dynamic: bool | None, segment_type: SegmentType | None) -> bool | None:
    """Whether the caller requests a dynamic segment; None if they do not say. Raises Invalid."""
    by_type = None if segment_type is None else segment_type is SegmentType.DYNAMIC
    if None not in (is_dynamic, by_type) and is_dynamic is not by_type:
        raise Invalid.at("/segmentType", "INVALID_VALUE", "must agree with isDynamic")
    return by_type if is_dynamic is None else is_dynamic


def _not_null(rules: RulesText | None) -> RulesText | None:
    return None if rules is None or rules.is_null else rules


def _rule(rules: RulesText | None, *, is_dynamic: bool, strict: bool) -> Rule | None:
    if rules is None:
        return parse(None) if is_dynamic else None
    return rules.rule(is_dynamic=is_dynamic, strict=strict)
