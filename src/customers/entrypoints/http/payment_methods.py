"""The routes of a customer's payment methods. What looks like a card number is refused here."""

from typing import TypeVar

from aiohttp import web
from attrs import AttrsInstance

from customers.core.errors import Invalid
from customers.core.model.cards import card_numbers
from customers.core.model.payment import PaymentMethodChange, PaymentMethodDetails
from customers.core.services.payments import PaymentMethods
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.routes import CUSTOMER, Route
from customers.entrypoints.wire.reading import Nulls
from customers.entrypoints.wire.showing import Show

Kind = TypeVar("Kind", bound=AttrsInstance)


class PaymentMethodRoutes:
    def __init__(self, methods: PaymentMethods, show: Show) -> None:
        self._methods = methods
        self._show = show

    def table(self) -> list[Route]:
        all_of_them = f"{CUSTOMER}/payment-methods"
        one = f"{CUSTOMER}/payment-methods/{{methodId}}"
        return [
            Route("GET", all_of_them, self.all),
            Route("POST", all_of_them, self.add),
            Route("PATCH", one, self.patch),
            Route("DELETE", one, self.remove),
        ]

    async def all(self, asked: Asked) -> web.Response:
        methods = await self._methods.all(asked.tenant, asked.id("customerId"))
        return answer([self._show.method(each) for each in methods])

    async def add(self, asked: Asked) -> web.Response:
        details = _read_without_cards(asked, PaymentMethodDetails, Nulls.ABSENT)
        method, new = await self._methods.add(asked.tenant, asked.id("customerId"), details)
        return answer(self._show.method(method), status=201 if new else 200)

    async def patch(self, asked: Asked) -> web.Response:
        change = _read_without_cards(asked, PaymentMethodChange, Nulls.CLEAR)
        method = await self._methods.change(
            asked.tenant, asked.id("customerId"), asked.id("methodId"), change
        )
        return answer(self._show.method(method))

    async def remove(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        await self._methods.remove(asked.tenant, asked.id("customerId"), asked.id("methodId"))
        return answer({"message": "payment method deleted successfully"})


def _read_without_cards(asked: Asked, kind: type[Kind], nulls: Nulls) -> Kind:
    """The body, refused before anything else is said of it where it holds card data."""
    if cards := card_numbers(asked.body):
        raise Invalid(cards)
    return asked.read(kind, nulls=nulls)
