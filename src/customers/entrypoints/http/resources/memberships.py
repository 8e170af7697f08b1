"""The routes of memberships: explanations, and the feed of changes."""

from typing import Annotated

from aiohttp import web
from attrs import frozen

from customers.core.errors import SegmentFailed
from customers.core.model.permissions import Permission
from customers.core.services.memberships import Memberships
from customers.entrypoints.http.gates import CountGate, PageSizeLimit
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import SEGMENT, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_segments import SegmentEncoder


@frozen(kw_only=True)
class MembershipChangesQuery(Query):
    after: Annotated[int, CountGate(least=0), "The `next` of the previous page."] = 0
    size: Annotated[int, PageSizeLimit(limit=1_000)] = 100


class MembershipRoutes:
    name = "Memberships"

    def __init__(self, memberships: Memberships, encoder: SegmentEncoder) -> None:
        self._memberships = memberships
        self._encoder = encoder

    def table(self) -> list[Route]:
        explain, changes = f"{SEGMENT}/customers/{{customerId}}/explain", f"{SEGMENT}/changes"
        return [
            Route(
                "explainMember",
                "GET",
                explain,
                self.explain,
                {200: shapes.Explanation},
                errors=(SegmentFailed,),
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "listMemberChanges",
                "GET",
                changes,
                self.changes,
                {200: shapes.MembershipChanges},
                query=MembershipChangesQuery,
                permission=Permission.SEGMENTS_VIEW,
            ),
        ]

    async def explain(self, context: RequestContext) -> web.Response:
        """Explain a membership

        Why a customer is in a segment or not, and when the passing of time alone will change that.
        """
        explanation = await self._memberships.explain(
            context.tenant, context.segment_id, context.customer_id
        )
        return json_response(self._encoder.explanation(explanation))

    async def changes(self, context: RequestContext, query: MembershipChangesQuery) -> web.Response:
        """List the membership changes of a segment

        The customers who entered and left it, in an order that never changes: new changes are only
        added at the end.
        """
        changes = await self._memberships.changes(
            context.tenant, context.segment_id, query.after, query.size
        )
        return json_response(self._encoder.changes(changes, query.after))
