"""The routes of segments: CRUD, members, and a customer's segments."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from attrs import AttrsInstance, evolve

from customers.core.errors import Invalid, Problem
from customers.core.model.segment import MemberIds, SegmentChange, SegmentDetails, WrittenRules
from customers.core.services.segments import Segments
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.lists import answer_page, answer_stretch, list_asked
from customers.entrypoints.http.routes import BASE, CUSTOMER, SEGMENT, Route
from customers.entrypoints.wire.showing import Show

Kind = TypeVar("Kind", bound=AttrsInstance)

_PAGED = ("page", "page_size", "limit", "sort_by", "sort_order", "cursor")
_raw_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class SegmentRoutes:
    def __init__(self, segments: Segments, show: Show) -> None:
        self._segments = segments
        self._show = show

    def table(self) -> list[Route]:
        members = f"{SEGMENT}/customers"
        return [
            Route("GET", "/customers/segments", self.all),
            Route("POST", "/customers/segments", self.create),
            Route("GET", SEGMENT, self.get),
            Route("PUT", SEGMENT, self.put),
            Route("DELETE", SEGMENT, self.remove),
            Route("GET", members, self.members),
            Route("POST", members, self.put_members),
            Route("DELETE", members, self.take_members),
            Route("GET", f"{CUSTOMER}/segments", self.of_customer),
        ]

    async def all(self, asked: Asked) -> web.Response:
        segments = await self._segments.all(asked.tenant)
        return answer([self._show.segment(each) for each in segments])

    async def of_customer(self, asked: Asked) -> web.Response:
        segments = await self._segments.of_customer(asked.tenant, asked.id("customerId"))
        return answer([self._show.segment(each) for each in segments])

    async def create(self, asked: Asked) -> web.Response:
        details = _read(asked, SegmentDetails)
        segment = await self._segments.create(asked.tenant, details, strict=asked.is_strict)
        location = f"{BASE}/customers/segments/{segment.segment.id}"
        return answer(self._show.segment(segment), status=201, headers={"Location": location})

    async def get(self, asked: Asked) -> web.Response:
        segment = await self._segments.get(asked.tenant, asked.id("segmentId"))
        return answer(self._show.segment(segment))

    async def put(self, asked: Asked) -> web.Response:
        segment_id = asked.id("segmentId")
        change = _read(asked, SegmentChange)
        segment = await self._segments.change(
            asked.tenant, segment_id, change, strict=asked.is_strict
        )
        return answer(self._show.segment(segment))

    async def remove(self, asked: Asked) -> web.Response:
        await self._segments.remove(asked.tenant, asked.id("segmentId"))
        return answer({"message": "segment deleted successfully"})

    async def members(self, asked: Asked) -> web.Response:
        segment_id = asked.id("segmentId")
        if not any(asked.query().has(name) for name in _PAGED):
            found = await self._segments.first_members(asked.tenant, segment_id)
            return answer([self._show.customer(each) for each in found])
        question = list_asked(asked, filtered=False)
        if question.by_cursor:
            found = await self._segments.members_after(
                asked.tenant, segment_id, question.order, question.key, question.page.size
            )
            return answer_stretch(asked, question, found, self._show.customer)
        page = await self._segments.members(asked.tenant, segment_id, question.order, question.page)
        return answer_page(asked, page, self._show.customer)

    async def put_members(self, asked: Asked) -> web.Response:
        segment_id = asked.id("segmentId")
        added = await self._segments.put(asked.tenant, segment_id, asked.read(MemberIds))
        return answer({"message": "customers added to segment", "added": added})

    async def take_members(self, asked: Asked) -> web.Response:
        segment_id = asked.id("segmentId")
        removed = await self._segments.take(asked.tenant, segment_id, asked.read(MemberIds))
        return answer({"message": "customers removed from segment", "removed": removed})


def _read(asked: Asked, kind: type[Kind]) -> Kind:
    """The body, whose rules are looked into as well where another field is refused."""
    asked = _with_rules(asked)
    try:
        return asked.read(kind)
    except Invalid as error:
        raise Invalid([*error.problems, *_rule_problems(asked)]) from error


def _rule_problems(asked: Asked) -> Sequence[Problem]:
    body = asked.body or {}
    rules = body.get("rules")
    by_hand = body.get("isDynamic") is False or str(body.get("segmentType")).upper() == "STATIC"
    if rules is None or by_hand:
        return ()
    try:
        rules.parsed(strict=asked.is_strict)
    except Invalid as error:
        return error.problems
    return ()


def _with_rules(asked: Asked) -> Asked:
    """The request with its rules as the text that was written, for the echo."""
    if asked.body is None or asked.body.get("rules") is None:
        return asked
    try:
        written = bytes(_raw_values(asked.raw)["rules"]).decode()
    except msgspec.DecodeError as error:
        problem = Problem(
            field="rules",
            pointer="/rules",
            message="must not hold half of a surrogate pair",
            code="INVALID_VALUE",
        )
        raise Invalid([problem]) from error
    body: Mapping[str, Any] = {**asked.body, "rules": WrittenRules(text=written)}
    return evolve(asked, body=body)
