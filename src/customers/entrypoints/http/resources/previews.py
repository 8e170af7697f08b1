"""The routes of previews: which customers rules match."""

from collections.abc import Mapping

from aiohttp import web

from customers.core.errors import SegmentFailed
from customers.core.model.permissions import Permission
from customers.core.model.preview import PreviewRequest
from customers.core.services.previews import Previews
from customers.entrypoints.http.answer_size import MAX_ANSWER_BYTES, first_rows
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import SEGMENT, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_segments import SegmentEncoder


class PreviewRoutes:
    name = "Previews"

    def __init__(self, previews: Previews, encoder: SegmentEncoder) -> None:
        self._previews = previews
        self._encoder = encoder

    def table(self) -> list[Route]:
        rules, change = "/customers/segments/preview", f"{SEGMENT}/preview-change"
        body, previews = Body(PreviewRequest), {200: shapes.ChangePreview}
        return [
            Route(
                "previewRules",
                "POST",
                rules,
                self.preview,
                {200: shapes.Preview},
                body=body,
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "previewChange",
                "POST",
                change,
                self.preview_change,
                previews,
                body=body,
                errors=(SegmentFailed,),
                permission=Permission.CUSTOMERS_VIEW,
            ),
        ]

    async def preview(self, context: RequestContext, request: PreviewRequest) -> web.Response:
        """Preview rules

        The number of customers that the rules match, and some of them. Nothing is stored.
        """
        preview = await self._previews.preview(
            context.tenant, request.rules, request.sample, strict=context.is_strict
        )
        body = self._encoder.preview(preview)
        return json_response({**body, **_bounded(body, MAX_ANSWER_BYTES)})

    async def preview_change(
        self, context: RequestContext, request: PreviewRequest
    ) -> web.Response:
        """Preview a change of a segment's rules

        The numbers of customers who would enter and leave the segment, and some of them. Nothing is
        stored.
        """
        segment_id, strict = context.segment_id, context.is_strict
        preview = await self._previews.preview_change(
            context.tenant, segment_id, request.rules, request.sample, strict=strict
        )
        body, room = self._encoder.change_preview(preview), MAX_ANSWER_BYTES // 2
        entering, leaving = _bounded(body["entering"], room), _bounded(body["leaving"], room)
        return json_response({"entering": entering, "leaving": leaving})


def _bounded(sample: shapes.Sample, room: int) -> Mapping[str, object]:
    """The sample, with as many of its customers as fit into `room` bytes, but at least one."""
    customers, _ = first_rows(sample["sample"], lambda customer: customer, room)
    return {"count": sample["count"], "sample": customers}
