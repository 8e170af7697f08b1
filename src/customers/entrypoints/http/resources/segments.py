"""The routes of segments: CRUD, members, and a customer's segments."""

from aiohttp import web

from customers.core.errors import (
    CustomerNotFound,
    SegmentBuilding,
    SegmentIsDynamic,
    SegmentNameTaken,
    SegmentNotFound,
)
from customers.core.model.segment import MemberIds, SegmentChange, SegmentDetails
from customers.core.services.segments import Segments
from customers.entrypoints.http import parameters
from customers.entrypoints.http.lists import answer_page, answer_stretch, list_asked
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.request import Asked
from customers.entrypoints.http.responses import answer
from customers.entrypoints.http.routes import BASE, CUSTOMER, SEGMENT, Body, Route
from customers.entrypoints.http.rules import read_with_rules
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Show


class SegmentRoutes:
    name = "Segments"

    def __init__(self, segments: Segments, show: Show) -> None:
        self._segments = segments
        self._show = show

    def table(self) -> list[Route]:
        members = f"{SEGMENT}/customers"
        return [
            Route(
                "listSegments",
                "GET",
                "/customers/segments",
                self.all,
                {200: list[shapes.Segment]},
            ),
            Route(
                "createSegment",
                "POST",
                "/customers/segments",
                self.create,
                {201: shapes.Segment},
                body=Body(SegmentDetails),
                refuses=(SegmentNameTaken,),
                is_located=True,
            ),
            Route(
                "getSegment",
                "GET",
                SEGMENT,
                self.get,
                {200: shapes.Segment},
                refuses=(SegmentNotFound,),
            ),
            Route(
                "updateSegment",
                "PUT",
                SEGMENT,
                self.put,
                {200: shapes.Segment},
                body=Body(SegmentChange),
                refuses=(SegmentNotFound, SegmentNameTaken, SegmentBuilding),
            ),
            Route(
                "deleteSegment",
                "DELETE",
                SEGMENT,
                self.remove,
                {200: shapes.Message},
                refuses=(SegmentNotFound,),
            ),
            Route(
                "listMembers",
                "GET",
                members,
                self.members,
                {200: (list[shapes.Customer], shapes.CustomerPage, shapes.CustomerStretch)},
                query=parameters.PAGING,
                refuses=(SegmentNotFound,),
            ),
            Route(
                "addMembers",
                "POST",
                members,
                self.put_members,
                {200: shapes.MembersAdded},
                body=Body(MemberIds),
                refuses=(SegmentNotFound, SegmentIsDynamic),
            ),
            Route(
                "removeMembers",
                "DELETE",
                members,
                self.take_members,
                {200: shapes.MembersRemoved},
                body=Body(MemberIds),
                refuses=(SegmentNotFound, SegmentIsDynamic),
            ),
            Route(
                "listSegmentsOfCustomer",
                "GET",
                f"{CUSTOMER}/segments",
                self.of_customer,
                {200: list[shapes.Segment]},
                refuses=(CustomerNotFound,),
            ),
        ]

    async def all(self, asked: Asked) -> web.Response:
        """List all segments, newest first"""
        segments = await self._segments.all(asked.tenant)
        return answer([self._show.segment(each) for each in segments])

    async def of_customer(self, asked: Asked) -> web.Response:
        """List the segments that a customer is in"""
        segments = await self._segments.of_customer(asked.tenant, asked.id("customerId"))
        return answer([self._show.segment(each) for each in segments])

    async def create(self, asked: Asked) -> web.Response:
        """Create a segment, put together by hand or by a rule"""
        details = read_with_rules(asked, SegmentDetails)
        segment = await self._segments.create(asked.tenant, details, strict=asked.is_strict)
        location = f"{BASE}/customers/segments/{segment.segment.id}"
        return answer(self._show.segment(segment), status=201, headers={"Location": location})

    async def get(self, asked: Asked) -> web.Response:
        """Read a segment"""
        segment = await self._segments.get(asked.tenant, asked.id("segmentId"))
        return answer(self._show.segment(segment))

    async def put(self, asked: Asked) -> web.Response:
        """Change the fields of a segment that are given"""
        change = read_with_rules(asked, SegmentChange)
        segment = await self._segments.change(
            asked.tenant, asked.id("segmentId"), change, strict=asked.is_strict
        )
        return answer(self._show.segment(segment))

    async def remove(self, asked: Asked) -> web.Response:
        """Delete a segment; its customers stay"""
        asked.expect_nothing()
        await self._segments.remove(asked.tenant, asked.id("segmentId"))
        return answer({"message": "segment deleted successfully"})

    async def members(self, asked: Asked) -> web.Response:
        """List the customers in a segment, newest first

        A bare array of at most 1,000, or as `GET /customers` with one of its paging parameters.
        """
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
        """Put customers into a manual segment

        All or none: an id that is unknown is refused, and nothing is changed.
        """
        members = asked.read(MemberIds)
        added = await self._segments.put(
            asked.tenant, asked.id("segmentId"), members, actor=asked.actor
        )
        return answer({"message": "customers added to segment", "added": added})

    async def take_members(self, asked: Asked) -> web.Response:
        """Take customers out of a manual segment"""
        members = asked.read(MemberIds)
        removed = await self._segments.take(asked.tenant, asked.id("segmentId"), members)
        return answer({"message": "customers removed from segment", "removed": removed})


def _is_paged(query: Query) -> bool:
    return query.has(parameters.CURSOR) or any(
        query.raw(each) is not None for each in parameters.BY_NUMBER
    )
