"""The route of bulk upserts."""

from aiohttp import web

from customers.core.errors.availability import BatchesBusy
from customers.core.model.permissions import Permission
from customers.entrypoints.admission.bulk_room import BulkRoom
from customers.entrypoints.http.bulk_rows import MAX_BULK_BYTES, ROW
from customers.entrypoints.http.bulk_upsert import BulkUpserts
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes


class BulkRoutes:
    name = "Bulk"

    def __init__(self, bulk_upserts: BulkUpserts, room: BulkRoom) -> None:
        self._bulk_upserts = bulk_upserts
        self._room = room

    def table(self) -> list[Route]:
        return [
            Route(
                "bulkUpsertCustomers",
                "POST",
                "/customers/bulk-upsert",
                self.upsert,
                {200: shapes.BulkUpsertResponse},
                body=ROW,
                max_bytes=MAX_BULK_BYTES,
                room=self._room.admit,
                errors=(BatchesBusy,),
                permission=Permission.CUSTOMERS_IMPORT,
            )
        ]

    async def upsert(self, context: RequestContext) -> web.Response:
        """Create or update up to 10,000 customers

        The body is NDJSON: one JSON object in each line, a row. A row is a body of
        `registerCustomer`, and may have an `id`. It changes the customer with that id; if there is
        none, the one with its e-mail address; if there is none either, it creates a customer, with
        the id if it has one. The `id` of the outcome is the customer's. An existing customer keeps
        the fields that the row does not give, null counts as not given; `userId` only fills in a
        missing one. A row that is refused has the status and the code that a request of its own
        would have, and affects no other row; rows take effect in their order. Empty lines are
        skipped, but count. The rows are applied in groups: if the caller leaves, or the storage
        fails, the groups that were applied stay. The request can be repeated: rows that change
        nothing are `unchanged`.
        """
        answer = await self._bulk_upserts.run(context)
        return json_response(answer.body())
