"""The routes of the mobile app, for the shopper who calls. Each exists below the base path and at
the root.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from aiohttp import web
from attrs import evolve, frozen

from customers.core.model.address import MAX_ADDRESSES
from customers.core.model.customer import Customer
from customers.core.model.ledger import OrderStatus
from customers.core.model.payment import MAX_PAYMENT_METHODS, active
from customers.core.model.query import MAX_JOURNAL_PAGE_SIZE, Page
from customers.core.model.values import ChoiceGate
from customers.core.services.addresses import Addresses
from customers.core.services.orders import Orders
from customers.core.services.payments import PaymentMethods
from customers.core.services.storefront import Storefront
from customers.entrypoints.http.errors import ErrorFormat
from customers.entrypoints.http.gates import CountGate, PageSizeLimit
from customers.entrypoints.http.query import Query
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_storefront import StorefrontEncoder

_ME = "/customers/me"


@frozen(kw_only=True)
class OwnPageQuery(Query):
    """A page by number; a class of its own for each list says how large a page is."""

    page: Annotated[int, CountGate(), "The page number, from 1."] = 1
    size: int

    @property
    def numbered_page(self) -> Page:
        return Page(number=self.page, size=self.size)


@frozen(kw_only=True)
class OwnAddressesQuery(OwnPageQuery):
    size: Annotated[int, PageSizeLimit(limit=MAX_ADDRESSES)] = MAX_ADDRESSES


@frozen(kw_only=True)
class OwnMethodsQuery(OwnPageQuery):
    size: Annotated[int, PageSizeLimit(limit=MAX_PAYMENT_METHODS)] = MAX_PAYMENT_METHODS


@frozen(kw_only=True)
class OwnOrdersQuery(OwnPageQuery):
    is_of_list: ClassVar[bool] = True

    size: Annotated[int, PageSizeLimit(limit=MAX_JOURNAL_PAGE_SIZE)] = 50
    status: (
        Annotated[OrderStatus, ChoiceGate(OrderStatus), "Only orders with this status."] | None
    ) = None


class MobileRoutes:
    name = "Mobile app"

    def __init__(
        self,
        storefront: Storefront,
        *,
        addresses: Addresses,
        methods: PaymentMethods,
        orders: Orders,
        encoder: Encoder,
        own_encoder: StorefrontEncoder,
    ) -> None:
        self._storefront = storefront
        self._addresses = addresses
        self._methods = methods
        self._orders = orders
        self._encoder = encoder
        self._own_encoder = own_encoder

    def table(self) -> list[Route]:
        """Each route twice: below the base path, and at the root."""
        routes = [
            Route("getMe", "GET", _ME, self.get, {200: shapes.OwnProfileResponse}),
            Route(
                "listMyAddresses",
                "GET",
                f"{_ME}/addresses",
                self.addresses,
                {200: shapes.OwnAddressPage},
                query=OwnAddressesQuery,
            ),
            Route(
                "listMyPaymentMethods",
                "GET",
                f"{_ME}/payment-methods",
                self.methods,
                {200: shapes.OwnPaymentMethodPage},
                query=OwnMethodsQuery,
            ),
            Route(
                "listMyOrders",
                "GET",
                f"{_ME}/orders",
                self.orders,
                {200: shapes.OwnOrderPage},
                query=OwnOrdersQuery,
            ),
        ]
        wrapped = ErrorFormat.WRAPPED
        own = [evolve(route, is_for_shoppers=True, error_format=wrapped) for route in routes]
        at_root = [evolve(route, base="", operation=f"{route.operation}AtRoot") for route in own]
        return [*own, *at_root]

    async def get(self, context: RequestContext) -> web.Response:
        """Get the caller's profile"""
        customer = await self._own(context)
        profile = self._own_encoder.profile(customer, context.shopper)
        return json_response({"success": True, "data": profile})

    async def addresses(self, context: RequestContext, query: OwnAddressesQuery) -> web.Response:
        """List the caller's addresses, defaults first

        Without `limit`, all of them are on one page.
        """
        addresses = await self._addresses.all(context.tenant, (await self._own(context)).id)
        data = [self._encoder.address(address) for address in addresses]
        return self._page_of(data, query.numbered_page)

    async def methods(self, context: RequestContext, query: OwnMethodsQuery) -> web.Response:
        """List the caller's payment methods, the default first

        Inactive ones are left out. Without `limit`, all others are on one page.
        """
        methods = await self._methods.all(context.tenant, (await self._own(context)).id)
        data = [self._own_encoder.method(method) for method in active(methods)]
        return self._page_of(data, query.numbered_page)

    async def orders(self, context: RequestContext, query: OwnOrdersQuery) -> web.Response:
        """List the caller's orders, newest first"""
        customer, page = await self._own(context), query.numbered_page
        orders = await self._orders.page(context.tenant, customer.id, query.status, page)
        data = [self._own_encoder.order(entry) for entry in orders.entries]
        return self._response(data, page, orders.total)

    async def _own(self, context: RequestContext) -> Customer:
        return await self._storefront.customer(context.tenant, context.shopper)

    def _page_of(self, data: Sequence[Any], page: Page) -> web.Response:
        return self._response(data[page.offset : page.offset + page.size], page, len(data))

    def _response(self, data: Sequence[Any], page: Page, total: int) -> web.Response:
        meta = self._own_encoder.meta(page, total)
        return json_response({"success": True, "data": data, "meta": meta})
