"""The routes of a customer's addresses."""

from aiohttp import web
from attrs import evolve

from customers.core.errors import AddressLimitExceeded
from customers.core.model.address import Address, AddressChange, AddressDetails
from customers.core.model.permissions import Permission
from customers.core.services.addresses import Addresses
from customers.entrypoints.http.address_bodies import NEW_ADDRESS, PATCH_ADDRESS, PUT_ADDRESS
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder

_ALL, _ONE = f"{CUSTOMER}/addresses", f"{CUSTOMER}/addresses/{{addressId}}"


class AddressRoutes:
    name = "Addresses"

    def __init__(self, addresses: Addresses, encoder: Encoder) -> None:
        self._addresses = addresses
        self._encoder = encoder

    def table(self) -> list[Route]:
        one = {200: shapes.AddressResponse}
        routes = [
            Route(
                "listAddresses",
                "GET",
                _ALL,
                self.all,
                {200: shapes.AddressList},
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "addAddress",
                "POST",
                _ALL,
                self.add,
                {201: shapes.AddressResponse},
                body=NEW_ADDRESS,
                errors=(AddressLimitExceeded,),
                permission=Permission.CUSTOMERS_EDIT,
            ),
            Route(
                "getAddress",
                "GET",
                _ONE,
                self.get,
                one,
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "updateAddress",
                "PUT",
                _ONE,
                self.put,
                one,
                body=PUT_ADDRESS,
                permission=Permission.CUSTOMERS_EDIT,
            ),
            Route(
                "patchAddress",
                "PATCH",
                _ONE,
                self.patch,
                one,
                body=PATCH_ADDRESS,
                permission=Permission.CUSTOMERS_EDIT,
            ),
            Route(
                "deleteAddress",
                "DELETE",
                _ONE,
                self.remove,
                {200: shapes.AddressDeleted},
                permission=Permission.CUSTOMERS_EDIT,
            ),
        ]
        return [evolve(route, error_format=ErrorFormat.WRAPPED) for route in routes]

    async def all(self, context: RequestContext) -> web.Response:
        """List the addresses of a customer, defaults first"""
        addresses = await self._addresses.all(context.tenant, context.customer_id)
        data = [self._encoder.address(address) for address in addresses]
        return json_response({"success": True, "data": data, "count": len(data)})

    async def add(self, context: RequestContext, details: AddressDetails) -> web.Response:
        """Add an address

        Without `isDefault` it becomes the default if none of its purposes has a default yet. A
        customer has at most 20 addresses.
        """
        address = await self._addresses.add(context.tenant, context.customer_id, details)
        return self._response(address, status=201)

    async def get(self, context: RequestContext) -> web.Response:
        """Get an address"""
        address = await self._addresses.get(
            context.tenant, context.customer_id, context.id("addressId")
        )
        return self._response(address)

    async def put(self, context: RequestContext, change: AddressChange) -> web.Response:
        """Update an address

        Only the fields in the body are changed.
        """
        return await self._change(context, change)

    async def patch(self, context: RequestContext, change: AddressChange | None) -> web.Response:
        """Patch an address, or make it the default

        A merge patch (RFC 7396). Without a body, the address becomes the default for its purposes.
        """
        return await self._change(context, change or AddressChange(is_default=True))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete an address

        For each purpose for which it was the default, another address for that purpose becomes the
        default: the oldest one that replaces no other default.
        """
        await self._addresses.remove(context.tenant, context.customer_id, context.id("addressId"))
        return json_response({"success": True, "message": "Address deleted successfully"})

    async def _change(self, context: RequestContext, change: AddressChange) -> web.Response:
        address = await self._addresses.change(
            context.tenant, context.customer_id, context.id("addressId"), change
        )
        return self._response(address)

    def _response(self, address: Address, *, status: int = 200) -> web.Response:
        body = {"success": True, "data": self._encoder.address(address)}
        return json_response(body, status=status)
