"""The routes of a customer's payment methods. What looks like a card number is refused here."""

from typing import TypeVar

from aiohttp import web
from attrs import AttrsInstance

from customers.core.errors import (
    CustomerNotFound,
    Invalid,
    PaymentMethodNotFound,
    PaymentMethodTaken,
)
from customers.core.model.cards import card_numbers
from customers.core.model.payment import PaymentMethodChange, PaymentMethodDetails
from customers.core.services.payments import PaymentMethods
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.json.encode import Encoder

Kind = TypeVar("Kind", bound=AttrsInstance)


class PaymentMethodRoutes:
    name = "Payment methods"

    def __init__(self, methods: PaymentMethods, encoder: Encoder) -> None:
        self._methods = methods
        self._encoder = encoder

    def table(self) -> list[Route]:
        all_of_them = f"{CUSTOMER}/payment-methods"
        one = f"{CUSTOMER}/payment-methods/{{methodId}}"
        return [
            Route(
                "listPaymentMethods",
                "GET",
                all_of_them,
                self.all,
                {200: list[shapes.PaymentMethod]},
                refuses=(CustomerNotFound,),
            ),
            Route(
                "addPaymentMethod",
                "POST",
                all_of_them,
                self.add,
                {201: shapes.PaymentMethod, 200: shapes.PaymentMethod},
                body=Body(PaymentMethodDetails),
                refuses=(CustomerNotFound, PaymentMethodTaken),
            ),
            Route(
                "patchPaymentMethod",
                "PATCH",
                one,
                self.patch,
                {200: shapes.PaymentMethod},
                body=Body(PaymentMethodChange, Nulls.CLEAR),
                refuses=(CustomerNotFound, PaymentMethodNotFound),
            ),
            Route(
                "deletePaymentMethod",
                "DELETE",
                one,
                self.remove,
                {200: shapes.Message},
                refuses=(CustomerNotFound, PaymentMethodNotFound),
            ),
        ]

    async def all(self, context: RequestContext) -> web.Response:
        """List a customer's payment methods, the default first"""
        methods = await self._methods.all(context.tenant, context.id("customerId"))
        return json_response([self._encoder.method(each) for each in methods])

    async def add(self, context: RequestContext) -> web.Response:
        """Add a payment method

        Only tokens are kept: what looks like a card number is refused. The same token again answers
        with the stored one.
        """
        details = _read_without_cards(context, PaymentMethodDetails, Nulls.ABSENT)
        method, new = await self._methods.add(context.tenant, context.id("customerId"), details)
        return json_response(self._encoder.method(method), status=201 if new else 200)

    async def patch(self, context: RequestContext) -> web.Response:
        """Make a payment method the default, switch it on or off, set its expiry"""
        change = _read_without_cards(context, PaymentMethodChange, Nulls.CLEAR)
        method = await self._methods.change(
            context.tenant, context.id("customerId"), context.id("methodId"), change
        )
        return json_response(self._encoder.method(method))

    async def remove(self, context: RequestContext) -> web.Response:
        """Delete a payment method"""
        context.expect_nothing()
        await self._methods.remove(context.tenant, context.id("customerId"), context.id("methodId"))
        return json_response({"message": "payment method deleted successfully"})


def _read_without_cards(context: RequestContext, kind: type[Kind], nulls: Nulls) -> Kind:
    """The body, refused before anything else is said of it where it holds card data."""
    if cards := card_numbers(context.body):
        raise Invalid(cards)
    return context.read(kind, nulls=nulls)
