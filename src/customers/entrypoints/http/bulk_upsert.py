"""A bulk upsert: applies the rows of a body group by group, each group in one transaction.

While the database applies a group, the next one is read. A group that was applied stays, whatever
becomes of the others: the same body can be sent again, since its rows then change nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from customers.bulkheads.deadline import deadline_after
from customers.bulkheads.turnstile import Turnstile
from customers.core.errors import CustomersError
from customers.core.errors.availability import Busy, Unavailable
from customers.core.model.upsert import Upsert
from customers.core.services.upserts import Upserts
from customers.entrypoints.admission.background_tasks import BackgroundTasks
from customers.entrypoints.http.body import CallerLeft
from customers.entrypoints.http.bulk_outcomes import BulkAnswer, RowOutcome
from customers.entrypoints.http.bulk_rows import Row, RowReader, check_lines
from customers.entrypoints.http.errors import INTERNAL_ERROR
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.observability.logs import logger
from customers.entrypoints.observability.metrics import Metrics
from customers.entrypoints.observability.refusal_kinds import access_refusal

# How many groups of a process are applied at the same time: each keeps a processor of the database
# server busy.
MAX_CONCURRENT_GROUPS: Final = 2


class BulkUpserts:
    """Applies bulk upserts. A group must be applied within `group_timeout` seconds."""

    def __init__(
        self,
        upserts: Upserts,
        decoder: Decoder,
        background_tasks: BackgroundTasks,
        *,
        metrics: Metrics,
        group_timeout: float,
    ) -> None:
        self._upserts = upserts
        self._rows = RowReader(decoder, upserts)
        self._background_tasks = background_tasks
        self._metrics = metrics
        self._group_timeout = group_timeout
        self._slots = Turnstile(MAX_CONCURRENT_GROUPS, per_tenant=1)

    async def run(self, context: RequestContext) -> BulkAnswer:
        """Applies the rows of the body. Raises Invalid for a body without rows or with too many;
        CallerLeft; Unavailable or Busy, if the first group could not be applied because of that.
        """
        check_lines(context.raw)
        bulk, under_way = _Bulk(context.tenant, context.principal.actor), None
        async for rows in self._rows.groups(context):
            if under_way is not None:
                await under_way
            if context.has_caller_left():
                raise CallerLeft
            under_way = self._background_tasks.start(self._apply(bulk, rows))
        if under_way is not None:
            await under_way
        return bulk.answer

    async def _apply(self, bulk: "_Bulk", rows: Sequence[Row]) -> None:
        """Applies a group, and adds its outcomes to the answer."""
        self._report_refusals(rows)
        upserts = [row.upsert for row in rows if isinstance(row.upsert, Upsert)]
        before = Counter(bulk.answer.numbers)
        outcomes = iter(await self._outcomes(bulk, upserts))
        await bulk.answer.add(
            (row.line, next(outcomes) if isinstance(row.upsert, Upsert) else row.upsert)
            for row in rows
        )
        self._metrics.count_upserts(bulk.answer.numbers - before)

    async def _outcomes(self, bulk: "_Bulk", upserts: Sequence[Upsert]) -> Sequence[RowOutcome]:
        """The outcome of each upsert. Once the storage is unavailable, no other group is tried."""
        if not upserts:
            return []
        if bulk.failure is not None:
            return [bulk.failure] * len(upserts)
        try:
            async with self._slots.place(bulk.tenant_id):
                with deadline_after(self._group_timeout):
                    outcomes = await self._upserts.apply(bulk.tenant_id, upserts, actor=bulk.actor)
        except (Unavailable, Busy) as error:
            if not bulk.has_begun:
                raise
            bulk.failure = error
            return [error] * len(upserts)
        except Exception as error:
            logger().error("unhandled exception in a bulk upsert", exc_info=error)
            return [INTERNAL_ERROR] * len(upserts)
        bulk.has_begun = True
        return outcomes

    def _report_refusals(self, rows: Sequence[Row]) -> None:
        """Counts the rows that access control refused, and logs how many there are for each reason:
        a line for each row would be ten thousand for one call.
        """
        errors = (row.upsert for row in rows if isinstance(row.upsert, CustomersError))
        for reason, count in Counter(map(access_refusal, errors)).items():
            if reason is not None:
                self._metrics.access_refused(reason, count)
                logger().warning("access refused", cause=reason, rows=count)


class _Bulk:
    """A bulk upsert under way: its answer so far, and why the storage failed, if it did."""

    def __init__(self, tenant_id: str, actor: UUID | None) -> None:
        self.tenant_id = tenant_id
        self.actor = actor
        self.answer = BulkAnswer()
        self.has_begun = False
        self.failure: Unavailable | Busy | None = None
