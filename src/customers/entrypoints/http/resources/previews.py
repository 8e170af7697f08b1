"""The routes that look into segments: previews of rules, explanations, the feed of changes."""

from aiohttp import web

from customers.core.errors import CustomerNotFound, SegmentNotFound
from customers.core.model.preview import Trial
from customers.core.services.previews import Insights
from customers.entrypoints.http import parameters
from customers.entrypoints.http.request import Asked
from customers.entrypoints.http.responses import answer
from customers.entrypoints.http.routes import SEGMENT, Body, Route
from customers.entrypoints.http.rules import read_with_rules
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode_segments import ShowInsights


class InsightRoutes:
    name = "Insights into segments"

    def __init__(self, insights: Insights, show: ShowInsights) -> None:
        self._insights = insights
        self._show = show

    def table(self) -> list[Route]:
        return [
            Route(
                "previewRules",
                "POST",
                "/customers/segments/preview",
                self.preview,
                {200: shapes.Preview},
                body=Body(Trial),
            ),
            Route(
                "previewChange",
                "POST",
                f"{SEGMENT}/preview-change",
                self.preview_change,
                {200: shapes.ChangePreview},
                body=Body(Trial),
                refuses=(SegmentNotFound,),
            ),
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
                {200: shapes.MemberChanges},
                query=(parameters.AFTER, *parameters.CHANGE_SIZES),
                refuses=(SegmentNotFound,),
            ),
        ]

    async def preview(self, asked: Asked) -> web.Response:
        """Try rules: who would be in a segment

        Nothing is stored.
        """
        trial = read_with_rules(asked, Trial)
        preview = await self._insights.preview(
            asked.tenant, trial.rules, trial.sample, strict=asked.is_strict
        )
        return answer(self._show.preview(preview))

    async def preview_change(self, asked: Asked) -> web.Response:
        """Try rules on a segment: who would enter, who would leave

        Nothing is stored.
        """
        trial = read_with_rules(asked, Trial)
        preview = await self._insights.preview_change(
            asked.tenant, asked.id("segmentId"), trial.rules, trial.sample, strict=asked.is_strict
        )
        return answer(self._show.change_preview(preview))

    async def explain(self, asked: Asked) -> web.Response:
        """Say why a customer is in a segment or not, and when time alone changes that"""
        explanation = await self._insights.explain(
            asked.tenant, asked.id("segmentId"), asked.id("customerId")
        )
        return answer(self._show.explanation(explanation))

    async def changes(self, asked: Asked) -> web.Response:
        """Follow who enters and leaves a segment

        In an order that never changes and skips nothing.
        """
        query = asked.query()
        after = query.one(parameters.AFTER)
        limit = query.size(parameters.CHANGE_SIZES)
        query.finish()
        changes = await self._insights.changes(asked.tenant, asked.id("segmentId"), after, limit)
        return answer(self._show.changes(changes, after))
