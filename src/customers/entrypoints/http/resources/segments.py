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
from customers.entrypoints.http.lists import cursor_page_response, list_query, page_response
from customers.entrypoints.http.queries import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import BASE, CUSTOMER, SEGMENT, Body, Route
from customers.entrypoints.http.rules import read_with_rules
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder


class SegmentRoutes:
    name = "Segments"

    def __init__(self, segments: Segments, encoder: Encoder) -> None:
        self._segments = segments
        self._encoder = encoder

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
                {200: (list[shapes.Customer], shapes.CustomerPage, shapes.CustomerCursorPage)},
                query=parameters.PAGING,
                refuses=(SegmentNotFound,),
            ),
            Route(
                "addMembers",
                "POST",
                members,
                self.add_members,
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

    async def all(self, context: RequestContext) -> web.Response:
        """List all segments, newest first"""
        segments = await self._segments.all(context.tenant)
        return json_response([self._encoder.segment(each) for each in segments])

    async def of_customer(self, context: RequestContext) -> web.Response:
        """List the segments that a customer is in"""
        segments = await self._segments.of_customer(context.tenant, context.id("customerId"))
        return json_response([self._encoder.segment(each) for each in segments])

    async def create(self, context: RequestContext) -> web.Response:
        """Create a segment, put together by hand or by a rule"""
        details = read_with_rules(context, SegmentDetails)
        segment = await self._segments.create(context.tenant, details, strict=context.is_strict)
        location = f"{BASE}/customers/segments/{segment.segment.id}"
        return json_response(
            self._encoder.segment(segment), status=201, headers={"Location": location}
        )

    async def get(self, context: RequestContext) -> web.Response:
        """Read a segment"""
        segment = await self._segments.get(context.tenant, context.id("segmentId"))
        return json_response(self._encoder.segment(segment))

    async def put(self, context: RequestContext) -> web.Response:
        """Change the fields of a segment that are given"""
        change = read_with_rules(context, SegmentChange)
        segment = await self._segments.change(
            context.tenant, context.id("segmentId"), change, strict=context.is_strict
        )
        return json_response(self._encoder.segment(segment))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete a segment; its customers stay"""
        context.expect_nothing()
        await self._segments.remove(context.tenant, context.id("segmentId"))
        return json_response({"message": "segment deleted successfully"})

    async def members(self, context: RequestContext) -> web.Response:
        """List the customers in a segment, newest first

        A bare array of at most 1,000, or as `GET /customers` with one of its paging parameters.
        """
        segment_id = context.id("segmentId")
        if not _is_paged(context.query()):
            found = await self._segments.first_members(context.tenant, segment_id)
            return json_response([self._encoder.customer(each) for each in found])
        question = list_query(context, filtered=False)
        if question.by_cursor:
            found = await self._segments.members_after(
                context.tenant, segment_id, question.order, question.key, question.page.size
            )
            return cursor_page_response(context, question, found, self._encoder.customer)
        page = await self._segments.members(
            context.tenant, segment_id, question.order, question.page
        )
        return page_response(context, page, self._encoder.customer)

    async def add_members(self, context: RequestContext) -> web.Response:
        """Put customers into a manual segment

        All or none: an id that is unknown is refused, and nothing is changed.
        """
        members = context.read(MemberIds)
        added = await self._segments.assign(
            context.tenant, context.id("segmentId"), members, actor=context.actor
        )
        return json_response({"message": "customers added to segment", "added": added})

    async def take_members(self, context: RequestContext) -> web.Response:
        """Take customers out of a manual segment"""
        members = context.read(MemberIds)
        removed = await self._segments.unassign(context.tenant, context.id("segmentId"), members)
        return json_response({"message": "customers removed from segment", "removed": removed})


def _is_paged(query: Query) -> bool:
    return query.has(parameters.CURSOR) or any(
        query.raw(each) is not None for each in parameters.BY_NUMBER
    )
