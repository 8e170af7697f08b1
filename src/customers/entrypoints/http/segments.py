"""The routes of segments: CRUD, members, and a customer's segments."""

from aiohttp import web

from customers.core.model.segment import MemberIds, SegmentChange, SegmentDetails
from customers.core.services.segments import Segments
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.lists import answer_page, answer_stretch, list_asked
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.routes import BASE, CUSTOMER, SEGMENT, Route
from customers.entrypoints.http.rules import read_with_rules
from customers.entrypoints.wire.showing import Show

_PAGING = ("page", "page_size", "limit", "sort_by", "sort_order")


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
        details = read_with_rules(asked, SegmentDetails)
        segment = await self._segments.create(asked.tenant, details, strict=asked.is_strict)
        location = f"{BASE}/customers/segments/{segment.segment.id}"
        return answer(self._show.segment(segment), status=201, headers={"Location": location})

    async def get(self, asked: Asked) -> web.Response:
        segment = await self._segments.get(asked.tenant, asked.id("segmentId"))
        return answer(self._show.segment(segment))

    async def put(self, asked: Asked) -> web.Response:
        change = read_with_rules(asked, SegmentChange)
        segment = await self._segments.change(
            asked.tenant, asked.id("segmentId"), change, strict=asked.is_strict
        )
        return answer(self._show.segment(segment))

    async def remove(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        await self._segments.remove(asked.tenant, asked.id("segmentId"))
        return answer({"message": "segment deleted successfully"})

    async def members(self, asked: Asked) -> web.Response:
        segment_id = asked.id("segmentId")
        if not _is_paged(asked.query()):
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
        members = asked.read(MemberIds)
        added = await self._segments.put(
            asked.tenant, asked.id("segmentId"), members, actor=asked.actor
        )
        return answer({"message": "customers added to segment", "added": added})

    async def take_members(self, asked: Asked) -> web.Response:
        members = asked.read(MemberIds)
        removed = await self._segments.take(asked.tenant, asked.id("segmentId"), members)
        return answer({"message": "customers removed from segment", "removed": removed})


def _is_paged(query: Query) -> bool:
    return query.has("cursor") or any(query.raw(name) is not None for name in _PAGING)
