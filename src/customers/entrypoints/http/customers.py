"""The routes of customers: register, read, list, change, delete, erase, restore, lock."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web

from customers.core.errors import Invalid, Problem
from customers.core.model.customer import Customer, CustomerChange, CustomerDetails, LockReason
from customers.core.model.query import MOST_PER_PAGE
from customers.core.model.values import IdGate
from customers.core.services.customers import Customers
from customers.core.services.erasure import Erasures
from customers.entrypoints.http.answers import answer, answer_version
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.lists import answer_page, answer_stretch, list_asked
from customers.entrypoints.http.refusals import Form
from customers.entrypoints.http.routes import BASE, CUSTOMER, Route
from customers.entrypoints.wire.reading import Nulls
from customers.entrypoints.wire.showing import Show


class CustomerRoutes:
    def __init__(self, customers: Customers, erasures: Erasures, show: Show) -> None:
        self._customers = customers
        self._erasures = erasures
        self._show = show

    def table(self) -> list[Route]:
        return [
            Route("POST", "/customers", self.register),
            Route("GET", "/customers", self.list),
            Route("GET", "/customers/batch", self.batch, Form.WRAPPED),
            Route("GET", CUSTOMER, self.get),
            Route("PUT", CUSTOMER, self.put),
            Route("PATCH", CUSTOMER, self.patch),
            Route("DELETE", CUSTOMER, self.delete),
            Route("POST", f"{CUSTOMER}/restore", self.restore),
            Route("POST", f"{CUSTOMER}/lock", self.lock, Form.WRAPPED),
            Route("POST", f"{CUSTOMER}/unlock", self.unlock, Form.WRAPPED),
        ]

    async def register(self, asked: Asked) -> web.Response:
        details = asked.read(CustomerDetails)
        customer, new = await self._customers.register(asked.tenant, details)
        headers = {"Location": f"{BASE}/customers/{customer.id}"} if new else None
        return answer(self._show.customer(customer), status=201 if new else 200, headers=headers)

    async def list(self, asked: Asked) -> web.Response:
        question = list_asked(asked)
        if question.by_cursor:
            found = await self._customers.after(
                asked.tenant, question.which, question.order, question.key, question.page.size
            )
            return answer_stretch(asked, question, found, self._show.customer)
        page = await self._customers.page(
            asked.tenant, question.which, question.order, question.page
        )
        return answer_page(asked, page, self._show.customer)

    async def batch(self, asked: Asked) -> web.Response:
        ids = _batch_ids(asked)
        found = await self._customers.batch(asked.tenant, ids)
        shown = [
            {"id": each, "found": True, "customer": self._show.profile(found[each])}
            if each in found
            else {"id": each, "found": False}
            for each in ids
        ]
        hits = sum(1 for each in shown if each["found"])
        summary = {"requested": len(ids), "found": hits, "notFound": len(ids) - hits}
        return answer({"success": True, "data": {"customers": shown, "summary": summary}})

    async def get(self, asked: Asked) -> web.Response:
        profile = await self._customers.profile(asked.tenant, asked.id("customerId"))
        shown = self._show.profile(profile)
        return answer_version(asked.request, profile.customer.version, shown)

    async def put(self, asked: Asked) -> web.Response:
        return await self._change(asked, Nulls.ABSENT)

    async def patch(self, asked: Asked) -> web.Response:
        return await self._change(asked, Nulls.CLEAR)

    async def delete(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        customer_id = asked.id("customerId")
        if _is_erasure(asked):
            erasure = await self._erasures.erase(
                asked.tenant, customer_id, versions=asked.versions()
            )
            return answer(self._show.erasure(erasure))
        await self._customers.delete(asked.tenant, customer_id, versions=asked.versions())
        return answer({"message": "customer deleted successfully"})

    async def restore(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        customer = await self._customers.restore(asked.tenant, asked.id("customerId"))
        return answer(self._show.customer(customer))

    async def lock(self, asked: Asked) -> web.Response:
        return await self._locked(asked, self._customers.lock)

    async def unlock(self, asked: Asked) -> web.Response:
        return await self._locked(asked, self._customers.unlock)

    async def _locked(
        self, asked: Asked, decide: Callable[..., Awaitable[Customer]]
    ) -> web.Response:
        reason = asked.read(LockReason).reason
        customer = await decide(
            asked.tenant,
            asked.id("customerId"),
            reason,
            actor=asked.actor,
            versions=asked.versions(),
        )
        return answer({"success": True, "data": self._show.customer(customer)})

    async def _change(self, asked: Asked, nulls: Nulls) -> web.Response:
        change = asked.read(CustomerChange, nulls=nulls)
        customer = await self._customers.change(
            asked.tenant,
            asked.id("customerId"),
            change,
            actor=asked.actor,
            versions=asked.versions(),
        )
        return answer(self._show.customer(customer))


def _batch_ids(asked: Asked) -> list[UUID]:
    query = asked.query()
    ids = query.many("ids", IdGate())
    if not ids:
        query.refuse("ids", "REQUIRED", "must name at least one customer")
    if len(ids) > MOST_PER_PAGE:
        query.refuse("ids", "MAX_LENGTH", f"must name at most {MOST_PER_PAGE} customers")
    query.finish()
    return ids


def _is_erasure(asked: Asked) -> bool:
    query = asked.query()
    mode = query.raw("mode")
    query.finish()
    if mode not in (None, "erase"):
        raise Invalid([Problem(field="mode", message="must be erase", code="INVALID_VALUE")])
    return mode == "erase"
