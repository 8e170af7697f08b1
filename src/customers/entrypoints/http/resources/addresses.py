"""The routes of a customer's addresses. Their errors are wrapped."""

from aiohttp import web
from attrs import evolve

from customers.core.errors import AddressLimitExceeded, AddressNotFound, CustomerNotFound
from customers.core.model.address import AddressChange, AddressDetails
from customers.core.services.addresses import Addresses
from customers.entrypoints.http.errors import Form
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Handler, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder

_ALL, _ONE = f"{CUSTOMER}/addresses", f"{CUSTOMER}/addresses/{{addressId}}"
_IGNORED = frozenset({"id", "customerId", "createdAt", "updatedAt"})


class AddressRoutes:
    name = "Addresses"

    def __init__(self, addresses: Addresses, encoder: Encoder) -> None:
        self._addresses = addresses
        self._encoder = encoder

    def table(self) -> list[Route]:
        routes = [
            Route(
                "listAddresses",
                "GET",
                _ALL,
                self.all,
                {200: shapes.AddressList},
                refuses=(CustomerNotFound,),
            ),
            Route(
                "addAddress",
                "POST",
                _ALL,
                self.add,
                {201: shapes.AddressResponse},
                body=Body(AddressDetails),
                refuses=(AddressLimitExceeded, CustomerNotFound),
            ),
            self._of_one("getAddress", "GET", self.get),
            self._of_one("updateAddress", "PUT", self.put, Body(AddressChange)),
            self._of_one(
                "patchAddress",
                "PATCH",
                self.patch,
                Body(AddressChange, Nulls.CLEAR, is_required=False),
            ),
            Route(
                "deleteAddress",
                "DELETE",
                _ONE,
                self.remove,
                {200: shapes.AddressDeleted},
                refuses=(CustomerNotFound, AddressNotFound),
            ),
        ]
        return [evolve(each, form=Form.WRAPPED) for each in routes]

    @staticmethod
    def _of_one(operation: str, method: str, handler: Handler, body: Body | None = None) -> Route:
        return Route(
            operation,
            method,
            _ONE,
            handler,
            {200: shapes.AddressResponse},
            body=body,
            refuses=(CustomerNotFound, AddressNotFound),
        )

    async def all(self, context: RequestContext) -> web.Response:
        """List a customer's addresses, defaults first"""
        addresses = await self._addresses.all(context.tenant, context.id("customerId"))
        shown = [self._encoder.address(each) for each in addresses]
        return json_response({"success": True, "data": shown, "count": len(shown)})

    async def add(self, context: RequestContext) -> web.Response:
        """Add an address

        It becomes the default unasked when every purpose it serves has none; 20 at most.
        """
        details = context.read(AddressDetails, ignored=_IGNORED)
        address = await self._addresses.add(context.tenant, context.id("customerId"), details)
        return json_response({"success": True, "data": self._encoder.address(address)}, status=201)

    async def get(self, context: RequestContext) -> web.Response:
        """Read an address"""
        address = await self._addresses.get(
            context.tenant, context.id("customerId"), context.id("addressId")
        )
        return json_response({"success": True, "data": self._encoder.address(address)})

    async def put(self, context: RequestContext) -> web.Response:
        """Change the fields of an address that are given"""
        return await self._change(context, context.read(AddressChange, ignored=_IGNORED))

    async def patch(self, context: RequestContext) -> web.Response:
        """Make an address the default, or change it by a merge patch (RFC 7396)

        Without a body it becomes the default for what it serves.
        """
        if context.body is None:
            return await self._change(context, AddressChange(is_default=True))
        change = context.read(AddressChange, nulls=Nulls.CLEAR, ignored=_IGNORED)
        return await self._change(context, change)

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete an address

        The oldest other one for its purpose takes over as the default.
        """
        context.expect_nothing()
        await self._addresses.remove(
            context.tenant, context.id("customerId"), context.id("addressId")
        )
        return json_response({"success": True, "message": "Address deleted successfully"})

    async def _change(self, context: RequestContext, change: AddressChange) -> web.Response:
        address = await self._addresses.change(
            context.tenant, context.id("customerId"), context.id("addressId"), change
        )
        return json_response({"success": True, "data": self._encoder.address(address)})
