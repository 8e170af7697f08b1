"""The routes of memberships: why a customer is in a segment, and the feed of changes."""

from aiohttp import web

from customers.core.errors import CustomerNotFound, SegmentNotFound
from customers.core.services.memberships import Memberships
from customers.entrypoints.http import parameters
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import SEGMENT, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_segments import SegmentEncoder


class MembershipRoutes:
    name = "Memberships"

    def __init__(self, memberships: Memberships, encoder: SegmentEncoder) -> None:
        self._memberships = memberships
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [
            Route(
                "explainMember",
                "GET",
                f"{SEGMENT}/customers/{{customerId}}/explain",
                self.explain,
                {200: shapes.Explanation},
                refuses=(SegmentNotFound, CustomerNotFound),
            ),
            Route(
                "listMemberChanges",
                "GET",
                f"{SEGMENT}/changes",
                self.changes,
                {200: shapes.MembershipChanges},
                query=(parameters.AFTER, *parameters.CHANGE_SIZES),
                refuses=(SegmentNotFound,),
            ),
        ]

    async def explain(self, context: RequestContext) -> web.Response:
        """Say why a customer is in a segment or not, and when time alone changes that"""
        explanation = await self._memberships.explain(
            context.tenant, context.id("segmentId"), context.id("customerId")
        )
        return json_response(self._encoder.explanation(explanation))

    async def changes(self, context: RequestContext) -> web.Response:
        """Follow who enters and leaves a segment

        In an order that never changes and skips nothing.
        """
        query = context.query()
        after = query.one(parameters.AFTER)
        limit = query.size(parameters.CHANGE_SIZES)
        query.finish()
        changes = await self._memberships.changes(
            context.tenant, context.id("segmentId"), after, limit
        )
        return json_response(self._encoder.changes(changes, after))
