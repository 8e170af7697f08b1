"""The routes of a customer's addresses. Their errors are wrapped."""

from aiohttp import web

from customers.core.model.address import AddressChange, AddressDetails
from customers.core.services.addresses import Addresses
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.refusals import Form
from customers.entrypoints.http.routes import CUSTOMER, Route
from customers.entrypoints.wire.reading import Nulls
from customers.entrypoints.wire.showing import Show

_IGNORED = frozenset({"id", "customerId", "createdAt", "updatedAt"})


class AddressRoutes:
    def __init__(self, addresses: Addresses, show: Show) -> None:
        self._addresses = addresses
        self._show = show

    def table(self) -> list[Route]:
        all_of_them, one = f"{CUSTOMER}/addresses", f"{CUSTOMER}/addresses/{{addressId}}"
        return [
            Route("GET", all_of_them, self.all, Form.WRAPPED),
            Route("POST", all_of_them, self.add, Form.WRAPPED),
            Route("GET", one, self.get, Form.WRAPPED),
            Route("PUT", one, self.put, Form.WRAPPED),
            Route("PATCH", one, self.patch, Form.WRAPPED),
            Route("DELETE", one, self.remove, Form.WRAPPED),
        ]

    async def all(self, asked: Asked) -> web.Response:
        addresses = await self._addresses.all(asked.tenant, asked.id("customerId"))
        shown = [self._show.address(each) for each in addresses]
        return answer({"success": True, "data": shown, "count": len(shown)})

    async def add(self, asked: Asked) -> web.Response:
        details = asked.read(AddressDetails, ignored=_IGNORED)
        address = await self._addresses.add(asked.tenant, asked.id("customerId"), details)
        return answer({"success": True, "data": self._show.address(address)}, status=201)

    async def get(self, asked: Asked) -> web.Response:
        address = await self._addresses.get(
            asked.tenant, asked.id("customerId"), asked.id("addressId")
        )
        return answer({"success": True, "data": self._show.address(address)})

    async def put(self, asked: Asked) -> web.Response:
        return await self._change(asked, asked.read(AddressChange, ignored=_IGNORED))

    async def patch(self, asked: Asked) -> web.Response:
        if asked.body is None:
            return await self._change(asked, AddressChange(is_default=True))
        change = asked.read(AddressChange, nulls=Nulls.CLEAR, ignored=_IGNORED)
        return await self._change(asked, change)

    async def remove(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        await self._addresses.remove(asked.tenant, asked.id("customerId"), asked.id("addressId"))
        return answer({"success": True, "message": "Address deleted successfully"})

    async def _change(self, asked: Asked, change: AddressChange) -> web.Response:
        address = await self._addresses.change(
            asked.tenant, asked.id("customerId"), asked.id("addressId"), change
        )
        return answer({"success": True, "data": self._show.address(address)})
