"""Bodies that hold rules: the rules are kept as the text that was written, for the echo."""

import json
import re
from collections.abc import Sequence
from typing import TypeVar

from attrs import AttrsInstance, evolve

from customers.core.errors import Invalid, Problem
from customers.core.model.segment import RulesText
from customers.entrypoints.http.request import RequestContext

Kind = TypeVar("Kind", bound=AttrsInstance)

# What stands between the keys and values of an object: at most one of these marks, and space.
_GAP = re.compile(r"[ \t\n\r]*[{:,]?[ \t\n\r]*")


def read_with_rules(context: RequestContext, kind: type[Kind]) -> Kind:
    """The body, whose rules are looked into as well where another field is refused."""
    told = _with_rules(context)
    try:
        return told.read(kind)
    except Invalid as error:
        raise Invalid([*error.problems, *_rule_problems(told)]) from error


def _rule_problems(context: RequestContext) -> Sequence[Problem]:
    body = context.body or {}
    rules = body.get("rules")
    by_hand = body.get("isDynamic") is False or str(body.get("segmentType")).upper() == "STATIC"
    if rules is None:
        return ()
    try:
        rules.rule(is_dynamic=not by_hand, strict=context.is_strict)
    except Invalid as error:
        return error.problems
    return ()


def _with_rules(context: RequestContext) -> RequestContext:
    """The request with its rules as the text that was written, for the echo."""
    if context.body is None or "rules" not in context.body:
        return context
    rules = RulesText(text=_written(context.raw.decode(), "rules"), value=context.body["rules"])
    return evolve(context, body={**context.body, "rules": rules})


def _written(text: str, name: str) -> str:
    """How a member of a JSON object is written; of several of that name the last one."""
    read, found = json.JSONDecoder().raw_decode, ""
    at = _behind_gap(text, 0)
    while text[at] == '"':
        key, at = read(text, at)
        at = _behind_gap(text, at)
        start, (_, at) = at, read(text, at)
        found = text[start:at] if key == name else found
        at = _behind_gap(text, at)
    return found


def _behind_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at
