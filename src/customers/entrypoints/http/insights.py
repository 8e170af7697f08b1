"""The routes that look into segments: previews of rules, explanations, the feed of changes."""

from aiohttp import web

from customers.core.model.insight import Trial
from customers.core.services.insights import Insights
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.routes import SEGMENT, Route
from customers.entrypoints.http.rules import read_with_rules
from customers.entrypoints.wire.insights import ShowInsights

_MOST_CHANGES = 1_000


class InsightRoutes:
    def __init__(self, insights: Insights, show: ShowInsights) -> None:
        self._insights = insights
        self._show = show

    def table(self) -> list[Route]:
        return [
            Route("POST", "/customers/segments/preview", self.preview),
            Route("POST", f"{SEGMENT}/preview-change", self.preview_change),
            Route("GET", f"{SEGMENT}/customers/{{customerId}}/explain", self.explain),
            Route("GET", f"{SEGMENT}/changes", self.changes),
        ]

    async def preview(self, asked: Asked) -> web.Response:
        trial = read_with_rules(asked, Trial)
        preview = await self._insights.preview(
            asked.tenant, trial.rules, trial.sample, strict=asked.is_strict
        )
        return answer(self._show.preview(preview))

    async def preview_change(self, asked: Asked) -> web.Response:
        trial = read_with_rules(asked, Trial)
        preview = await self._insights.preview_change(
            asked.tenant, asked.id("segmentId"), trial.rules, trial.sample, strict=asked.is_strict
        )
        return answer(self._show.change_preview(preview))

    async def explain(self, asked: Asked) -> web.Response:
        explanation = await self._insights.explain(
            asked.tenant, asked.id("segmentId"), asked.id("customerId")
        )
        return answer(self._show.explanation(explanation))

    async def changes(self, asked: Asked) -> web.Response:
        query = asked.query()
        after = query.number("after", default=0, least=0)
        limit = query.size(default=100, most=_MOST_CHANGES)
        query.finish()
        changes = await self._insights.changes(asked.tenant, asked.id("segmentId"), after, limit)
        return answer(self._show.changes(changes, after))
