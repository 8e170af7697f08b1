"""The routes of customers: register, get, list, change, delete, erase, restore, lock, unlock."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

from aiohttp import web
from attrs import frozen

from customers.core.errors import (
    AlreadyBlocked,
    Conflict,
    CustomerNotFound,
    EmailTaken,
    NotBlocked,
    Problem,
    SegmentBuilding,
    SegmentFailed,
    SegmentNotFound,
    StaleVersion,
)
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, LockReason
from customers.core.model.permissions import Permission
from customers.core.model.problems import Problems
from customers.core.model.values import ChoiceGate, Id
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.entrypoints.http.answer_size import all_rows
from customers.entrypoints.http.customer_pages import cursor_page_response, page_response
from customers.entrypoints.http.customer_queries import CustomerListQuery
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.parameters import MAX_ITEMS
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response, versioned_response
from customers.entrypoints.http.routes import (
    BASE,
    CUSTOMER,
    Body,
    BodyPermission,
    QueryPermission,
    Route,
)
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder


class DeletionMode(StrEnum):
    """How a customer is deleted. Without a mode, the customer is hidden and can be restored."""

    ERASE = "erase"


@frozen(kw_only=True)
class DeletionQuery(Query):
    mode: (
        Annotated[
            DeletionMode,
            ChoiceGate(DeletionMode),
            "`erase` erases the customer (GDPR). Without it, the customer is deleted and can be "
            "restored.",
        ]
        | None
    ) = None


_ERASING: Final = QueryPermission("mode", DeletionMode.ERASE, Permission.CUSTOMERS_ERASE)
_CHANGING_STATUS: Final = BodyPermission("status", Permission.CUSTOMERS_LOCK)


@frozen(kw_only=True)
class BatchQuery(Query):
    ids: Annotated[tuple[Id, ...], f"The ids of 1 to {MAX_ITEMS} customers."]

    def bind(self, _: RequestContext, problems: Problems) -> Self:
        if not self.ids:
            message = "must name at least one customer"
            problems.extend([Problem(field="ids", code="REQUIRED", message=message)])
        return self


class CustomerRoutes:
    name = "Customers"

    def __init__(self, customers: Customers, erasures: Erasures, encoder: Encoder) -> None:
        self._customers = customers
        self._erasures = erasures
        self._encoder = encoder

    def table(self) -> list[Route]:
        return [*self._of_all(), *self._of_one(), *self._of_state()]

    def _of_all(self) -> list[Route]:
        return [
            Route(
                "registerCustomer",
                "POST",
                "/customers",
                self.register,
                {201: shapes.Customer, 200: shapes.Customer},
                body=Body(CustomerDetails, describes_person=True),
                has_location=True,
                permission=Permission.CUSTOMERS_CREATE,
            ),
            Route(
                "listCustomers",
                "GET",
                "/customers",
                self.list,
                {200: (shapes.CustomerPage, shapes.CustomerCursorPage)},
                query=CustomerListQuery,
                errors=(SegmentNotFound, SegmentBuilding, SegmentFailed),
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "getCustomerBatch",
                "GET",
                "/customers/batch",
                self.batch,
                {200: shapes.BatchResponse},
                query=BatchQuery,
                error_format=ErrorFormat.WRAPPED,
                permission=Permission.CUSTOMERS_VIEW,
            ),
        ]

    def _of_one(self) -> list[Route]:
        changes = (CustomerNotFound, EmailTaken, StaleVersion)
        return [
            Route(
                "getCustomer",
                "GET",
                CUSTOMER,
                self.get,
                {200: shapes.Profile, 304: None},
                errors=(CustomerNotFound,),
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "updateCustomer",
                "PUT",
                CUSTOMER,
                self.put,
                {200: shapes.Customer},
                body=Body(CustomerChange, describes_person=True),
                errors=changes,
                permission=Permission.CUSTOMERS_EDIT,
                body_permission=_CHANGING_STATUS,
            ),
            Route(
                "patchCustomer",
                "PATCH",
                CUSTOMER,
                self.patch,
                {200: shapes.Customer},
                body=Body(CustomerChange, Nulls.CLEAR, describes_person=True),
                errors=changes,
                permission=Permission.CUSTOMERS_EDIT,
                body_permission=_CHANGING_STATUS,
            ),
        ]

    def _of_state(self) -> list[Route]:
        """The routes that delete or erase, restore, lock and unlock a customer."""
        return [
            Route(
                "deleteCustomer",
                "DELETE",
                CUSTOMER,
                self.delete,
                {200: (shapes.Message, shapes.Erasure)},
                query=DeletionQuery,
                errors=(CustomerNotFound, StaleVersion),
                permission=Permission.CUSTOMERS_DELETE,
                query_permission=_ERASING,
            ),
            Route(
                "restoreCustomer",
                "POST",
                f"{CUSTOMER}/restore",
                self.restore,
                {200: shapes.Customer},
                errors=(CustomerNotFound, EmailTaken),
                permission=Permission.CUSTOMERS_DELETE,
            ),
            self._lock_route("lockCustomer", "lock", self.lock, AlreadyBlocked),
            self._lock_route("unlockCustomer", "unlock", self.unlock, NotBlocked),
        ]

    async def register(self, context: RequestContext, details: CustomerDetails) -> web.Response:
        """Register a customer

        If the e-mail address is taken, the existing customer is returned; only a missing `userId`
        is filled in. Callers without the permission `customers:view` see only `id`, `email`,
        `firstName`, `lastName`, `phone` and `status` of an existing customer.
        """
        customer, is_new = await self._customers.register(context.tenant, details)
        if is_new:
            location = f"{BASE}/customers/{customer.id}"
            return json_response(
                self._encoder.customer(customer), status=201, headers={"Location": location}
            )
        if context.principal.may(Permission.CUSTOMERS_VIEW):
            return json_response(self._encoder.customer(customer))
        return json_response(self._encoder.existing_customer(customer))

    async def list(self, context: RequestContext, query: CustomerListQuery) -> web.Response:
        """List customers

        Searches, filters and sorts them. `page` selects a page by its number; `cursor` walks the
        list from page to page, and is as fast for the last page as for the first.
        """
        if query.is_by_cursor:
            customers = await self._customers.page_after(
                context.tenant,
                query.filter,
                query.sort,
                query.key,
                query.size,
                segment_id=query.segment_id,
            )
            return cursor_page_response(context, query, customers, self._encoder.customer)
        page = await self._customers.page(
            context.tenant,
            query.filter,
            query.sort,
            query.numbered_page,
            segment_id=query.segment_id,
        )
        return page_response(context, page, self._encoder.customer)

    async def batch(self, context: RequestContext, query: BatchQuery) -> web.Response:
        """Get up to 100 customers

        The customers are in the order of the ids in the request, repeated ids included.
        """
        profiles = await self._customers.batch(context.tenant, query.ids)

        def customer(id: UUID) -> shapes.BatchCustomer:
            if id not in profiles:
                return {"id": id, "found": False}
            return {"id": id, "found": True, "customer": self._encoder.profile(profiles[id])}

        requested, hits = len(query.ids), sum(id in profiles for id in query.ids)
        body = {
            "success": True,
            "data": {
                "customers": all_rows(query.ids, customer),
                "summary": {"requested": requested, "found": hits, "notFound": requested - hits},
            },
        }
        return json_response(body)

    async def get(self, context: RequestContext) -> web.Response:
        """Get a customer

        The answer includes the addresses and payment methods of the customer.
        """
        profile = await self._customers.profile(context.tenant, context.id("customerId"))
        body = self._encoder.profile(profile)
        return versioned_response(context.request, profile.customer.version, body)

    async def put(self, context: RequestContext, change: CustomerChange) -> web.Response:
        """Update a customer

        Only the fields in the body are changed; null counts as absent. Changing the status also
        needs the permission `customers:lock`.
        """
        return await self._change(context, change)

    async def patch(self, context: RequestContext, change: CustomerChange) -> web.Response:
        """Patch a customer

        A merge patch (RFC 7396): null clears a field that may be empty. Changing the status also
        needs the permission `customers:lock`.
        """
        return await self._change(context, change)

    async def delete(self, context: RequestContext, query: DeletionQuery) -> web.Response:
        """Delete or erase a customer

        A deleted customer is hidden and can be restored; the e-mail address becomes available. With
        `mode=erase` all personal data is removed permanently, and the ledger keeps the ids, amounts
        and dates of orders; this needs the permission `customers:erase` instead of
        `customers:delete`.
        """
        customer_id = context.id("customerId")
        if query.mode is DeletionMode.ERASE:
            context.principal.expect(Permission.CUSTOMERS_ERASE)
            erasure = await self._erasures.erase(
                context.tenant, customer_id, versions=context.versions()
            )
            return json_response(self._encoder.erasure(erasure))
        context.principal.expect(Permission.CUSTOMERS_DELETE)
        await self._customers.delete(context.tenant, customer_id, versions=context.versions())
        return json_response({"message": "customer deleted successfully"})

    async def restore(self, context: RequestContext) -> web.Response:
        """Restore a deleted customer

        A customer who is not deleted is returned as is.
        """
        customer = await self._customers.restore(context.tenant, context.id("customerId"))
        return json_response(self._encoder.customer(customer))

    async def lock(self, context: RequestContext, lock: LockReason) -> web.Response:
        """Lock a customer

        Sets the status to `BLOCKED`. The reason has 10 to 500 characters.
        """
        return await self._change_lock(context, lock, self._customers.lock)

    async def unlock(self, context: RequestContext, lock: LockReason) -> web.Response:
        """Unlock a customer

        Sets the status to `ACTIVE`. The reason has 10 to 500 characters.
        """
        return await self._change_lock(context, lock, self._customers.unlock)

    @staticmethod
    def _lock_route(
        operation: str,
        name: str,
        handler: Callable[..., Awaitable[web.Response]],
        conflict: type[Conflict],
    ) -> Route:
        return Route(
            operation,
            "POST",
            f"{CUSTOMER}/{name}",
            handler,
            {200: shapes.LockResponse},
            body=Body(LockReason, describes_person=True),
            errors=(CustomerNotFound, conflict, StaleVersion),
            error_format=ErrorFormat.WRAPPED,
            permission=Permission.CUSTOMERS_LOCK,
        )

    async def _change_lock(
        self,
        context: RequestContext,
        lock: LockReason,
        change: Callable[..., Awaitable[Customer]],
    ) -> web.Response:
        customer = await change(
            context.tenant,
            context.id("customerId"),
            lock.reason,
            principal=context.principal,
            versions=context.versions(),
        )
        return json_response({"success": True, "data": self._encoder.customer(customer)})

    async def _change(self, context: RequestContext, change: CustomerChange) -> web.Response:
        customer = await self._customers.change(
            context.tenant,
            context.id("customerId"),
            change,
            principal=context.principal,
            versions=context.versions(),
        )
        return json_response(self._encoder.customer(customer))
