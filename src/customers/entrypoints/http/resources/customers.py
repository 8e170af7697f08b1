"""The routes of customers: register, read, list, change, delete, erase, restore, lock."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web

from customers.core.errors import (
    AlreadyBlocked,
    Conflict,
    CustomerNotFound,
    EmailTaken,
    NotBlocked,
    StaleVersion,
)
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, LockReason
from customers.core.model.query import MAX_PAGE_SIZE
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.entrypoints.http import parameters
from customers.entrypoints.http.errors import Form
from customers.entrypoints.http.lists import cursor_page_response, list_query, page_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response, versioned_response
from customers.entrypoints.http.routes import BASE, CUSTOMER, Body, Handler, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder


class CustomerRoutes:
    name = "Customers"

    def __init__(self, customers: Customers, erasures: Erasures, encoder: Encoder) -> None:
        self._customers = customers
        self._erasures = erasures
        self._encoder = encoder

    def table(self) -> list[Route]:
        one = {200: shapes.Customer}
        changes = (CustomerNotFound, EmailTaken, StaleVersion)
        return [
            Route(
                "registerCustomer",
                "POST",
                "/customers",
                self.register,
                {201: shapes.Customer, 200: shapes.Customer},
                body=Body(CustomerDetails),
                is_located=True,
            ),
            Route(
                "listCustomers",
                "GET",
                "/customers",
                self.list,
                {200: (shapes.CustomerPage, shapes.CustomerCursorPage)},
                query=(*parameters.FILTERS, *parameters.PAGING),
            ),
            Route(
                "getCustomerBatch",
                "GET",
                "/customers/batch",
                self.batch,
                {200: shapes.BatchResponse},
                query=(parameters.IDS,),
                form=Form.WRAPPED,
            ),
            Route(
                "getCustomer",
                "GET",
                CUSTOMER,
                self.get,
                {200: shapes.Profile, 304: None},
                refuses=(CustomerNotFound,),
            ),
            Route(
                "updateCustomer",
                "PUT",
                CUSTOMER,
                self.put,
                one,
                body=Body(CustomerChange),
                refuses=changes,
            ),
            Route(
                "patchCustomer",
                "PATCH",
                CUSTOMER,
                self.patch,
                one,
                body=Body(CustomerChange, Nulls.CLEAR),
                refuses=changes,
            ),
            Route(
                "deleteCustomer",
                "DELETE",
                CUSTOMER,
                self.delete,
                {200: (shapes.Message, shapes.Erasure)},
                query=(parameters.MODE,),
                refuses=(CustomerNotFound, StaleVersion),
            ),
            Route(
                "restoreCustomer",
                "POST",
                f"{CUSTOMER}/restore",
                self.restore,
                one,
                refuses=(CustomerNotFound, EmailTaken),
            ),
            self._lock_route("lockCustomer", "lock", self.lock, AlreadyBlocked),
            self._lock_route("unlockCustomer", "unlock", self.unlock, NotBlocked),
        ]

    async def register(self, context: RequestContext) -> web.Response:
        """Register a customer

        Gets the one who is there, unchanged but for a missing `userId`, when the e-mail address is
        taken.
        """
        details = context.read(CustomerDetails)
        customer, new = await self._customers.register(context.tenant, details)
        headers = {"Location": f"{BASE}/customers/{customer.id}"} if new else None
        return json_response(
            self._encoder.customer(customer), status=201 if new else 200, headers=headers
        )

    async def list(self, context: RequestContext) -> web.Response:
        """List, search, filter and sort customers

        By number with `page`, or at the same cost for every page with `cursor`.
        """
        question = list_query(context)
        if question.by_cursor:
            found = await self._customers.page_after(
                context.tenant, question.which, question.order, question.key, question.page.size
            )
            return cursor_page_response(context, question, found, self._encoder.customer)
        page = await self._customers.page(
            context.tenant, question.which, question.order, question.page
        )
        return page_response(context, page, self._encoder.customer)

    async def batch(self, context: RequestContext) -> web.Response:
        """Read up to 100 customers at once

        In the order asked for, repeats included.
        """
        ids = _batch_ids(context)
        found = await self._customers.batch(context.tenant, ids)
        shown: list[shapes.BatchCustomer] = [
            {"id": each, "found": True, "customer": self._encoder.profile(found[each])}
            if each in found
            else {"id": each, "found": False}
            for each in ids
        ]
        hits = sum(1 for each in shown if each["found"])
        body: shapes.BatchResponse = {
            "success": True,
            "data": {
                "customers": shown,
                "summary": {"requested": len(ids), "found": hits, "notFound": len(ids) - hits},
            },
        }
        return json_response(body)

    async def get(self, context: RequestContext) -> web.Response:
        """Read a customer, with addresses and payment methods"""
        profile = await self._customers.profile(context.tenant, context.id("customerId"))
        shown = self._encoder.profile(profile)
        return versioned_response(context.request, profile.customer.version, shown)

    async def put(self, context: RequestContext) -> web.Response:
        """Change the fields that are given

        The others stay, and null counts as not given.
        """
        return await self._change(context, Nulls.ABSENT)

    async def patch(self, context: RequestContext) -> web.Response:
        """Change a customer by a merge patch (RFC 7396)

        Null clears what may be empty.
        """
        return await self._change(context, Nulls.CLEAR)

    async def delete(self, context: RequestContext) -> web.Response:
        """Delete a customer, or erase them

        A deleted customer is hidden, can be restored, and leaves the e-mail address free. With
        `mode=erase` every personal value is gone for good, and the ledger stays.
        """
        context.expect_nothing()
        customer_id = context.id("customerId")
        if _is_erasure(context):
            erasure = await self._erasures.erase(
                context.tenant, customer_id, versions=context.versions()
            )
            return json_response(self._encoder.erasure(erasure))
        await self._customers.delete(context.tenant, customer_id, versions=context.versions())
        return json_response({"message": "customer deleted successfully"})

    async def restore(self, context: RequestContext) -> web.Response:
        """Restore a deleted customer

        Also answers with one who was not deleted.
        """
        context.expect_nothing()
        customer = await self._customers.restore(context.tenant, context.id("customerId"))
        return json_response(self._encoder.customer(customer))

    async def lock(self, context: RequestContext) -> web.Response:
        """Block a customer"""
        return await self._locked(context, self._customers.lock)

    async def unlock(self, context: RequestContext) -> web.Response:
        """Unblock a customer"""
        return await self._locked(context, self._customers.unlock)

    @staticmethod
    def _lock_route(operation: str, name: str, handler: Handler, refused: type[Conflict]) -> Route:
        return Route(
            operation,
            "POST",
            f"{CUSTOMER}/{name}",
            handler,
            {200: shapes.LockResponse},
            body=Body(LockReason),
            refuses=(CustomerNotFound, refused, StaleVersion),
            form=Form.WRAPPED,
        )

    async def _locked(
        self, context: RequestContext, decide: Callable[..., Awaitable[Customer]]
    ) -> web.Response:
        reason = context.read(LockReason).reason
        customer = await decide(
            context.tenant,
            context.id("customerId"),
            reason,
            actor=context.actor,
            versions=context.versions(),
        )
        return json_response({"success": True, "data": self._encoder.customer(customer)})

    async def _change(self, context: RequestContext, nulls: Nulls) -> web.Response:
        change = context.read(CustomerChange, nulls=nulls)
        customer = await self._customers.change(
            context.tenant,
            context.id("customerId"),
            change,
            actor=context.actor,
            versions=context.versions(),
        )
        return json_response(self._encoder.customer(customer))


def _batch_ids(context: RequestContext) -> list[UUID]:
    query = context.query()
    ids = query.many(parameters.IDS)
    if not ids:
        query.refuse(parameters.IDS, "REQUIRED", "must name at least one customer")
    if len(ids) > MAX_PAGE_SIZE:
        query.refuse(parameters.IDS, "MAX_LENGTH", f"must name at most {MAX_PAGE_SIZE} customers")
    query.finish()
    return ids


def _is_erasure(context: RequestContext) -> bool:
    query = context.query()
    mode = query.one(parameters.MODE)
    query.finish()
    return mode is parameters.DeletionMode.ERASE
