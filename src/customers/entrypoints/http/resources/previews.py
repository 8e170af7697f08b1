"""The routes of previews: which customers rules match."""

from aiohttp import web

from customers.core.errors import SegmentNotFound
from customers.core.model.preview import PreviewRequest
from customers.core.services.previews import Previews
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
        return [
            Route(
                "previewRules",
                "POST",
                "/customers/segments/preview",
                self.preview,
                {200: shapes.Preview},
                body=Body(PreviewRequest),
            ),
            Route(
                "previewChange",
                "POST",
                f"{SEGMENT}/preview-change",
                self.preview_change,
                {200: shapes.ChangePreview},
                body=Body(PreviewRequest),
                errors=(SegmentNotFound,),
            ),
        ]

    async def preview(self, context: RequestContext, request: PreviewRequest) -> web.Response:
        """Preview rules

        The customers that the rules match. Nothing is stored.
        """
        preview = await self._previews.preview(
            context.tenant, request.rules, request.sample, strict=context.is_strict
        )
        return json_response(self._encoder.preview(preview))

    async def preview_change(
        self, context: RequestContext, request: PreviewRequest
    ) -> web.Response:
        """Preview a change of a segment's rules

        The customers who would enter and leave the segment. Nothing is stored.
        """
        preview = await self._previews.preview_change(
            context.tenant,
            context.id("segmentId"),
            request.rules,
            request.sample,
            strict=context.is_strict,
        )
        return json_response(self._encoder.change_preview(preview))
