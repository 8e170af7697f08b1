"""The routes of a shopper's own addresses."""

from uuid import UUID

from aiohttp import web
from attrs import evolve

from customers.core.errors import AddressLimitExceeded
from customers.core.model.address import Address, AddressChange, AddressDetails
from customers.core.services.addresses import Addresses
from customers.core.services.storefront import Storefront
from customers.entrypoints.http.address_bodies import NEW_ADDRESS, PATCH_ADDRESS, PUT_ADDRESS
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.owner_check import owner_check
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import OWN, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder

_ALL, _ONE = f"{OWN}/addresses", f"{OWN}/addresses/{{addressId}}"


class StorefrontAddressRoutes:
    name = "Storefront addresses"

    def __init__(self, storefront: Storefront, addresses: Addresses, encoder: Encoder) -> None:
        self._storefront = storefront
        self._addresses = addresses
        self._encoder = encoder

    def table(self) -> list[Route]:
        one, listed = {200: shapes.AddressResponse}, {200: shapes.AddressList}
        routes = [
            Route("listOwnAddresses", "GET", _ALL, self.all, listed),
            Route(
                "addOwnAddress",
                "POST",
                _ALL,
                self.add,
                {201: shapes.AddressResponse},
                body=NEW_ADDRESS,
                errors=(AddressLimitExceeded,),
            ),
            Route("getOwnAddress", "GET", _ONE, self.get, one),
            Route("updateOwnAddress", "PUT", _ONE, self.put, one, body=PUT_ADDRESS),
            Route("patchOwnAddress", "PATCH", _ONE, self.patch, one, body=PATCH_ADDRESS),
            Route("deleteOwnAddress", "DELETE", _ONE, self.remove, {200: shapes.AddressDeleted}),
        ]
        wrapped, check = ErrorFormat.WRAPPED, owner_check(self._storefront)
        return [
            evolve(route, is_for_shoppers=True, error_format=wrapped, owner_check=check)
            for route in routes
        ]

    async def all(self, context: RequestContext) -> web.Response:
        """List the shopper's own addresses, defaults first"""
        addresses = await self._addresses.all(context.tenant, await self._own_id(context))
        data = [self._encoder.address(address) for address in addresses]
        return json_response({"success": True, "data": data, "count": len(data)})

    async def add(self, context: RequestContext, details: AddressDetails) -> web.Response:
        """Add an address of the shopper

        Without `isDefault` it becomes the default if none of its purposes has a default yet. A
        customer has at most 20 addresses.
        """
        customer_id = await self._own_id(context)
        address = await self._addresses.add(context.tenant, customer_id, details)
        return self._response(address, status=201)

    async def get(self, context: RequestContext) -> web.Response:
        """Get one of the shopper's own addresses"""
        customer_id, address_id = await self._own_id(context), context.id("addressId")
        return self._response(await self._addresses.get(context.tenant, customer_id, address_id))

    async def put(self, context: RequestContext, change: AddressChange) -> web.Response:
        """Update one of the shopper's own addresses

        Only the fields in the body are changed.
        """
        return await self._change(context, change)

    async def patch(self, context: RequestContext, change: AddressChange | None) -> web.Response:
        """Patch one of the shopper's own addresses, or make it the default

        A merge patch (RFC 7396). Without a body, the address becomes the default for its purposes.
        """
        return await self._change(context, change or AddressChange(is_default=True))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete one of the shopper's own addresses

        For each purpose for which it was the default, another address for that purpose becomes the
        default: the oldest one that replaces no other default.
        """
        customer_id, address_id = await self._own_id(context), context.id("addressId")
        await self._addresses.remove(context.tenant, customer_id, address_id)
        return json_response({"success": True, "message": "Address deleted successfully"})

    async def _own_id(self, context: RequestContext) -> UUID:
        return (await self._storefront.customer(context.tenant, context.shopper)).id

    async def _change(self, context: RequestContext, change: AddressChange) -> web.Response:
        customer_id, address_id = await self._own_id(context), context.id("addressId")
        return self._response(
            await self._addresses.change(context.tenant, customer_id, address_id, change)
        )

    def _response(self, address: Address, *, status: int = 200) -> web.Response:
        body = {"success": True, "data": self._encoder.address(address)}
        return json_response(body, status=status)
