"""The routes of a customer's payment methods."""

from aiohttp import web

from customers.core.errors import PaymentMethodLimitExceeded, PaymentMethodTaken
from customers.core.model.cards import card_numbers
from customers.core.model.payment import PaymentMethodChange, PaymentMethodDetails
from customers.core.model.permissions import Permission
from customers.core.services.payments import PaymentMethods
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder


class PaymentMethodRoutes:
    name = "Payment methods"

    def __init__(self, methods: PaymentMethods, encoder: Encoder) -> None:
        self._methods = methods
        self._encoder = encoder

    def table(self) -> list[Route]:
        methods = f"{CUSTOMER}/payment-methods"
        method, stored = f"{methods}/{{methodId}}", {200: shapes.PaymentMethod}
        return [
            Route(
                "listPaymentMethods",
                "GET",
                methods,
                self.all,
                {200: list[shapes.PaymentMethod]},
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "addPaymentMethod",
                "POST",
                methods,
                self.add,
                {201: shapes.PaymentMethod, **stored},
                body=Body(PaymentMethodDetails, precheck=card_numbers),
                errors=(PaymentMethodTaken, PaymentMethodLimitExceeded),
                permission=Permission.PAYMENTS_MANAGE,
            ),
            Route(
                "patchPaymentMethod",
                "PATCH",
                method,
                self.patch,
                stored,
                body=Body(PaymentMethodChange, Nulls.CLEAR, precheck=card_numbers),
                permission=Permission.PAYMENTS_MANAGE,
            ),
            Route(
                "deletePaymentMethod",
                "DELETE",
                method,
                self.remove,
                {200: shapes.Message},
                permission=Permission.PAYMENTS_MANAGE,
            ),
        ]

    async def all(self, context: RequestContext) -> web.Response:
        """List the payment methods of a customer, the default first"""
        methods = await self._methods.all(context.tenant, context.customer_id)
        return json_response([self._encoder.method(method) for method in methods])

    async def add(self, context: RequestContext, details: PaymentMethodDetails) -> web.Response:
        """Add a payment method

        Only tokens are stored: anything that looks like a card number is refused. Adding the same
        token again returns the stored payment method.
        """
        method, is_new = await self._methods.add(context.tenant, context.customer_id, details)
        return json_response(self._encoder.method(method), status=201 if is_new else 200)

    async def patch(self, context: RequestContext, change: PaymentMethodChange) -> web.Response:
        """Patch a payment method

        Makes it the default, activates or deactivates it, or sets its expiry date.
        """
        method = await self._methods.change(
            context.tenant, context.customer_id, context.id("methodId"), change
        )
        return json_response(self._encoder.method(method))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete a payment method"""
        await self._methods.remove(context.tenant, context.customer_id, context.id("methodId"))
        return json_response({"message": "payment method deleted successfully"})
