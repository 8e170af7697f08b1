"""The routes of a shopper's own profile, payment methods and orders."""

from typing import Final

from aiohttp import web
from attrs import evolve, frozen

from customers.core.errors import StaleVersion
from customers.core.model.customer import Customer
from customers.core.model.payment import active
from customers.core.model.shopper import ProfileChange
from customers.core.services.orders import Orders
from customers.core.services.payments import PaymentMethods
from customers.core.services.storefront import Storefront
from customers.entrypoints.http.cursors import scope_of
from customers.entrypoints.http.ledger_lists import LedgerQuery, ledger_response
from customers.entrypoints.http.owner_check import owner_check
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response, versioned_response
from customers.entrypoints.http.routes import OWN, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_storefront import StorefrontEncoder

# All shoppers and shops share the path `me`, and versions of two customers may be equal: a browser
# must not show one profile for another.
_BY_SHOPPER: Final = {"Vary": "Authorization, Cookie, X-Tenant-ID, X-User-Id"}


@frozen(kw_only=True)
class OwnLedgerQuery(LedgerQuery):
    def scope(self, context: RequestContext) -> bytes:
        """What a cursor is bound to: also the shopper, because all shoppers share the path `me`."""
        return scope_of(context.tenant, context.request.path, context.principal.subject)


class StorefrontRoutes:
    name = "Storefront"

    def __init__(
        self,
        storefront: Storefront,
        methods: PaymentMethods,
        orders: Orders,
        encoder: Encoder,
        own_encoder: StorefrontEncoder,
    ) -> None:
        self._storefront = storefront
        self._methods = methods
        self._orders = orders
        self._encoder = encoder
        self._own_encoder = own_encoder

    def table(self) -> list[Route]:
        methods = f"{OWN}/payment-methods"
        patch = Body(ProfileChange, Nulls.CLEAR, describes_person=True)
        orders = {200: list[shapes.LedgerOrder]}
        routes = [
            Route("getOwnProfile", "GET", OWN, self.get, {200: shapes.OwnProfile, 304: None}),
            Route(
                "patchOwnProfile",
                "PATCH",
                OWN,
                self.patch,
                {200: shapes.OwnProfile},
                body=patch,
                errors=(StaleVersion,),
            ),
            Route(
                "listOwnPaymentMethods",
                "GET",
                methods,
                self.methods,
                {200: list[shapes.OwnPaymentMethod]},
            ),
            Route(
                "deleteOwnPaymentMethod",
                "DELETE",
                f"{methods}/{{methodId}}",
                self.remove_method,
                {200: shapes.Message},
            ),
            Route(
                "listOwnOrders",
                "GET",
                f"{OWN}/orders",
                self.orders,
                orders,
                query=OwnLedgerQuery,
            ),
        ]
        check = owner_check(self._storefront)
        return [evolve(route, is_for_shoppers=True, owner_check=check) for route in routes]

    async def get(self, context: RequestContext) -> web.Response:
        """Get the shopper's own profile

        The id in the path is `me`, the customer's id or the `userId`. If the shopper's account has
        no customer yet, it is linked to the customer who has no account and has the shopper's
        verified e-mail address.
        """
        customer = await self._own(context)
        body = self._own_encoder.profile(customer, context.shopper)
        return versioned_response(context.request, customer.version, body, headers=_BY_SHOPPER)

    async def patch(self, context: RequestContext, change: ProfileChange) -> web.Response:
        """Patch the shopper's own profile

        A merge patch (RFC 7396). Other fields of a customer cannot be changed by shoppers.
        """
        customer = await self._storefront.change(
            context.tenant, context.shopper, change, versions=context.versions()
        )
        return json_response(self._own_encoder.profile(customer, context.shopper))

    async def methods(self, context: RequestContext) -> web.Response:
        """List the shopper's own payment methods, the default first

        Inactive ones are left out.
        """
        customer = await self._own(context)
        methods = active(await self._methods.all(context.tenant, customer.id))
        return json_response([self._own_encoder.method(method) for method in methods])

    async def remove_method(self, context: RequestContext) -> web.Response:
        """Delete one of the shopper's own payment methods"""
        customer = await self._own(context)
        await self._methods.remove(context.tenant, customer.id, context.id("methodId"))
        return json_response({"message": "payment method deleted successfully"})

    async def orders(self, context: RequestContext, query: OwnLedgerQuery) -> web.Response:
        """List the shopper's own orders, newest first"""
        customer = await self._own(context)
        entries = await self._orders.newest(context.tenant, customer.id, query.key, query.size)
        return ledger_response(context, query, entries, self._encoder)

    async def _own(self, context: RequestContext) -> Customer:
        return await self._storefront.customer(context.tenant, context.shopper)
