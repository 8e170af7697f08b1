"""The routes of segments, of their customers, and of a customer's segments."""

from typing import Annotated, ClassVar, Final

from aiohttp import web
from attrs import frozen

from customers.core.errors import (
    CustomerNotFound,
    SegmentBuilding,
    SegmentFailed,
    SegmentIsDynamic,
    SegmentLimitExceeded,
    SegmentNameTaken,
    SegmentNotFound,
)
from customers.core.model.membership import SegmentSummary
from customers.core.model.permissions import Permission
from customers.core.model.query import JournalKey
from customers.core.model.segment import MAX_SEGMENTS, MemberIds, SegmentChange, SegmentDetails
from customers.core.services.segments import Segments, key_of
from customers.entrypoints.http.answer_size import all_rows
from customers.entrypoints.http.customer_pages import cursor_page_response, page_response
from customers.entrypoints.http.customer_queries import MemberPageQuery
from customers.entrypoints.http.gates import PageSizeLimit
from customers.entrypoints.http.journal_lists import JournalQuery, journal_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import BASE, CUSTOMER, SEGMENT, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder

_ALL: Final = MAX_SEGMENTS + 1


@frozen(kw_only=True)
class SegmentQuery(JournalQuery):
    """A page of a tenant's segments; without a page size, all segments that a tenant may have.

    Unknown parameters are ignored, except misspelt ones and those that ask for a page by number.
    """

    is_of_list: ClassVar[bool] = False

    size: Annotated[int, PageSizeLimit(limit=MAX_SEGMENTS)] = _ALL

    @property
    def is_of_all(self) -> bool:
        """Whether the caller expects all segments, and no link to more."""
        return self.size == _ALL and self.cursor is None


class SegmentRoutes:
    name = "Segments"

    def __init__(self, segments: Segments, encoder: Encoder) -> None:
        self._segments = segments
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [*self._of_segments(), *self._of_members()]

    def _of_segments(self) -> list[Route]:
        return [
            Route(
                "listSegments",
                "GET",
                "/customers/segments",
                self.all,
                {200: list[shapes.Segment]},
                query=SegmentQuery,
                permission=Permission.SEGMENTS_VIEW,
            ),
            Route(
                "createSegment",
                "POST",
                "/customers/segments",
                self.create,
                {201: shapes.Segment},
                body=Body(SegmentDetails),
                errors=(SegmentNameTaken, SegmentLimitExceeded),
                has_location=True,
                permission=Permission.SEGMENTS_MANAGE,
            ),
            Route(
                "getSegment",
                "GET",
                SEGMENT,
                self.get,
                {200: shapes.Segment},
                errors=(SegmentNotFound,),
                permission=Permission.SEGMENTS_VIEW,
            ),
            Route(
                "updateSegment",
                "PUT",
                SEGMENT,
                self.put,
                {200: shapes.Segment},
                body=Body(SegmentChange),
                errors=(SegmentNotFound, SegmentNameTaken, SegmentBuilding, SegmentFailed),
                permission=Permission.SEGMENTS_MANAGE,
            ),
            Route(
                "deleteSegment",
                "DELETE",
                SEGMENT,
                self.remove,
                {200: shapes.Message},
                errors=(SegmentNotFound,),
                permission=Permission.SEGMENTS_MANAGE,
            ),
        ]

    def _of_members(self) -> list[Route]:
        members = f"{SEGMENT}/customers"
        return [
            Route(
                "listMembers",
                "GET",
                members,
                self.members,
                {200: (list[shapes.Customer], shapes.CustomerPage, shapes.CustomerCursorPage)},
                query=MemberPageQuery,
                errors=(SegmentNotFound, SegmentBuilding, SegmentFailed),
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "addMembers",
                "POST",
                members,
                self.add_members,
                {200: shapes.MembersAdded},
                body=Body(MemberIds),
                errors=(SegmentNotFound, SegmentIsDynamic),
                permission=Permission.SEGMENTS_MANAGE,
            ),
            Route(
                "removeMembers",
                "DELETE",
                members,
                self.remove_members,
                {200: shapes.MembersRemoved},
                body=Body(MemberIds),
                errors=(SegmentNotFound, SegmentIsDynamic),
                permission=Permission.SEGMENTS_MANAGE,
            ),
            Route(
                "listSegmentsOfCustomer",
                "GET",
                f"{CUSTOMER}/segments",
                self.of_customer,
                {200: list[shapes.Segment]},
                errors=(CustomerNotFound,),
                permission=Permission.SEGMENTS_VIEW,
            ),
        ]

    async def all(self, context: RequestContext, query: SegmentQuery) -> web.Response:
        """List segments, newest first"""
        segments = await self._segments.page_after(context.tenant, query.key, query.size + 1)
        if query.is_of_all:
            return json_response(all_rows(segments, self._encoder.segment))
        return journal_response(context, query, segments, self._encoder.segment, _key_of)

    async def of_customer(self, context: RequestContext) -> web.Response:
        """List the segments of a customer"""
        segments = await self._segments.of_customer(context.tenant, context.id("customerId"))
        return json_response(all_rows(segments, self._encoder.segment))

    async def create(self, context: RequestContext, details: SegmentDetails) -> web.Response:
        """Create a segment

        A dynamic segment has the customers that its rules match; a manual one has those that are
        added to it.
        """
        segment = await self._segments.create(context.tenant, details, strict=context.is_strict)
        location = f"{BASE}/customers/segments/{segment.segment.id}"
        return json_response(
            self._encoder.segment(segment), status=201, headers={"Location": location}
        )

    async def get(self, context: RequestContext) -> web.Response:
        """Get a segment"""
        segment = await self._segments.get(context.tenant, context.id("segmentId"))
        return json_response(self._encoder.segment(segment))

    async def put(self, context: RequestContext, change: SegmentChange) -> web.Response:
        """Update a segment

        Only the fields in the body are changed.
        """
        segment = await self._segments.change(
            context.tenant, context.id("segmentId"), change, strict=context.is_strict
        )
        return json_response(self._encoder.segment(segment))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete a segment

        Its customers are not deleted.
        """
        await self._segments.remove(context.tenant, context.id("segmentId"))
        return json_response({"message": "segment deleted successfully"})

    async def members(self, context: RequestContext, query: MemberPageQuery) -> web.Response:
        """List the customers in a segment

        Without any of the parameters for filters, sorting and pages, the answer is an array of the
        newest customers, at most 1,000; with any of them, it is a page as in `GET /customers`.
        """
        tenant, segment_id = context.tenant, context.id("segmentId")
        if not query.is_paged:
            customers = await self._segments.first_members(tenant, segment_id)
            return json_response(all_rows(customers, self._encoder.customer))
        if query.is_by_cursor:
            customers = await self._segments.members_after(
                tenant, segment_id, query.filter, query.sort, key=query.key, size=query.size
            )
            return cursor_page_response(context, query, customers, self._encoder.customer)
        page = await self._segments.members(
            tenant, segment_id, query.filter, query.sort, query.numbered_page
        )
        return page_response(context, page, self._encoder.customer)

    async def add_members(self, context: RequestContext, members: MemberIds) -> web.Response:
        """Add customers to a manual segment

        If any of the ids is unknown, the request is refused and nothing is changed.
        """
        added = await self._segments.assign(
            context.tenant, context.id("segmentId"), members, principal=context.principal
        )
        return json_response({"message": "customers added to segment", "added": added})

    async def remove_members(self, context: RequestContext, members: MemberIds) -> web.Response:
        """Remove customers from a manual segment"""
        removed = await self._segments.unassign(context.tenant, context.id("segmentId"), members)
        return json_response({"message": "customers removed from segment", "removed": removed})


def _key_of(summary: SegmentSummary) -> JournalKey:
    return key_of(summary.segment)
