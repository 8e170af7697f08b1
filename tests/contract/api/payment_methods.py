"""Payment methods over REST: tokens, never card numbers."""

import asyncio
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    a_method,
    a_note,
    an_unknown_id,
    customer_path,
    id_of,
    new_method,
    select,
)

KEYS = set(
    "id customerId tenantId paymentGateway gatewayPaymentMethodId paymentType cardBrand lastFour "
    "expiryMonth expiryYear isDefault isActive createdAt updatedAt".split()
)
CARD = "4111111111111111"
CARD_NUMBERS = [
    CARD,
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111 1111-1111--1111",
    "pay with 4111111111111111, please",
    "(4111111111111111)",
    "378282246310005",
    "6011000990139424",
    "30569309025904",
    "4222222222222",
    "6304000000000000000",
    "4111.1111.1111.1111",
    "4111/1111/1111/1111",
    "[4111] (1111), 1111 1111",
    "\u200b".join(CARD),
    CARD.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)}),
]
NOT_CARD_NUMBERS = [
    "4111111111111112",
    "pm_4111111111111111",
    "tok4111111111111111",
    "4111111111111111x",
    "4111111111111111_a",
    "41111111111",
    "41111111111111111111",
    "2026-01-15 12:30",
]
SECRET_KEYS = [
    "cvv",
    "CVV",
    "cvc",
    "cvv2",
    "cardNumber",
    "card_number",
    "CARD-NUMBER",
    "pan",
    "PAN",
]
TEXT_FIELDS = ["paymentGateway", "gatewayPaymentMethodId", "cardBrand", "lastFour", "paymentType"]


def methods(customer: str) -> str:
    return f"{customer}/payment-methods"


async def defaults(api: Api, customer: str) -> list[str]:
    listed = (await api.get(methods(customer))).body
    return [method["id"] for method in listed if method["isDefault"]]


class PaymentMethodContract:
    async def test_a_new_method_has_every_key(self, api: Api) -> None:
        customer, body = await customer_path(api), new_method()
        answer = await api.post(methods(customer), body)
        assert (answer.status, set(answer.body)) == (201, KEYS)
        expected = body | {
            "customerId": id_of(customer),
            "tenantId": api.tenant,
            "isDefault": True,
            "isActive": True,
        }
        assert select(answer.body, expected) == expected
        assert (await api.get(methods(customer))).body == [answer.body]

    async def test_every_field_of_a_new_method_is_stored(self, api: Api) -> None:
        fields = {"cardBrand": "visa", "lastFour": "0042", "expiryMonth": 12, "expiryYear": 2030}
        method = await a_method(api, await customer_path(api), **fields, paymentType="Bank_Account")
        expected = fields | {"paymentType": "bank_account"}
        assert select(method, expected) == expected

    async def test_a_repeated_token_returns_the_stored_method(self, api: Api) -> None:
        customer, body = await customer_path(api), new_method(cardBrand="visa")
        stored = (await api.post(methods(customer), body)).body
        again = await api.post(methods(customer), body | {"cardBrand": "amex"})
        assert (again.status, again.body) == (200, stored)
        assert (await api.get(methods(customer))).body == [stored]

    async def test_a_token_of_another_customer_is_a_conflict(self, api: Api) -> None:
        body = new_method()
        await api.post(methods(await customer_path(api)), body)
        answer = await api.post(methods(other := await customer_path(api)), body)
        assert answer.status == 409
        assert (await api.get(methods(other))).body == []

    async def test_a_token_of_another_gateway_is_another_token(self, api: Api) -> None:
        body = new_method()
        await api.post(methods(await customer_path(api)), body)
        answer = await api.post(
            methods(await customer_path(api)), body | {"paymentGateway": "adyen"}
        )
        assert answer.status == 201

    async def test_concurrent_repeats_of_a_token_store_one_method(self, api: Api) -> None:
        customer, body = await customer_path(api), new_method()
        requests = [api.post(methods(customer), body) for _ in range(12)]
        answers = await asyncio.gather(*requests)
        assert sorted(answer.status for answer in answers) == [200] * 11 + [201]
        assert len({answer.body["id"] for answer in answers}) == 1

    async def test_an_update_sets_expiry_and_activity(self, api: Api) -> None:
        customer = await customer_path(api)
        before = await a_method(api, customer, expiryMonth=1, expiryYear=2027)
        path = f"{methods(customer)}/{before['id']}"
        api.clock.forward(hours=1)
        body = {"expiryMonth": 2, "expiryYear": 2028, "isActive": False, "cardBrand": "ignored"}
        answer = await api.patch(path, body)
        changed = {"expiryMonth": 2, "expiryYear": 2028, "isActive": False}
        others = {name: answer.body[name] for name in ("updatedAt", "isDefault")}
        assert (answer.status, answer.body) == (200, before | changed | others)
        assert (await api.get(methods(customer))).body == [answer.body]

    async def test_a_deleted_method_is_not_found(self, api: Api) -> None:
        customer = await customer_path(api)
        path = f"{methods(customer)}/{(await a_method(api, customer))['id']}"
        answer = await api.delete(path)
        message = {"message": "payment method deleted successfully"}
        assert (answer.status, answer.body) == (200, message)
        assert (await api.get(methods(customer))).body == []
        assert (await api.delete(path)).status == 404

    async def test_a_method_of_another_customer_is_not_found(self, api: Api) -> None:
        method = await a_method(api, owner := await customer_path(api))
        path = f"{methods(await customer_path(api))}/{method['id']}"
        assert (await api.delete(path)).status == 404
        assert (await api.patch(path, {"isActive": False})).status == 404
        assert (await api.get(methods(owner))).body == [method]

    async def test_an_unknown_customer_has_no_methods(self, api: Api) -> None:
        unknown = methods(f"/customers/{an_unknown_id()}")
        assert (await api.get(unknown)).status == 404
        assert (await api.post(unknown, new_method())).status == 404


class DefaultMethodContract:
    async def test_the_first_method_becomes_the_default(self, api: Api) -> None:
        customer = await customer_path(api)
        first = await a_method(api, customer)
        await a_method(api, customer)
        assert await defaults(api, customer) == [first["id"]]

    async def test_a_new_default_replaces_the_old_one(self, api: Api) -> None:
        customer = await customer_path(api)
        first = await a_method(api, customer)
        second = await a_method(api, customer, isDefault=True)
        assert await defaults(api, customer) == [second["id"]]
        await api.patch(f"{methods(customer)}/{first['id']}", {"isDefault": True})
        assert await defaults(api, customer) == [first["id"]]

    async def test_another_method_replaces_a_deleted_default(self, api: Api) -> None:
        customer, added = await customer_path(api), []
        for _ in range(3):
            added.append((await a_method(api, customer))["id"])
            api.clock.forward(minutes=1)
        await api.delete(f"{methods(customer)}/{added[0]}")
        assert await defaults(api, customer) == [added[1]]

    async def test_concurrent_changes_of_the_default_leave_one_default(self, api: Api) -> None:
        customer = await customer_path(api)
        added = [await a_method(api, customer) for _ in range(8)]
        paths = [f"{methods(customer)}/{method['id']}" for method in added]
        await asyncio.gather(*(api.patch(path, {"isDefault": True}) for path in paths))
        assert len(await defaults(api, customer)) == 1


class CardNumberContract:
    @pytest.mark.parametrize("number", CARD_NUMBERS)
    async def test_a_card_number_is_refused_and_not_echoed(self, api: Api, number: str) -> None:
        customer = await customer_path(api)
        answer = await api.post(methods(customer), new_method(gatewayPaymentMethodId=number))
        assert answer.error == (400, "CARD_NUMBER_REFUSED")
        assert number not in answer.raw.decode()
        assert (await api.get(methods(customer))).body == []

    @pytest.mark.parametrize("name", TEXT_FIELDS)
    async def test_a_card_number_is_refused_in_every_text_field(self, api: Api, name: str) -> None:
        answer = await api.post(methods(await customer_path(api)), new_method(**{name: CARD}))
        assert answer.error == (400, "CARD_NUMBER_REFUSED")
        assert CARD not in answer.raw.decode()

    @pytest.mark.parametrize(
        "place", [{"note": CARD}, {"a": {"b": [CARD]}}, {"isDefault": CARD}, {"a": int(CARD)}]
    )
    async def test_a_card_number_is_refused_in_unknown_and_nested_fields(
        self, api: Api, place: dict[str, Any]
    ) -> None:
        customer = await customer_path(api)
        answer = await api.post(methods(customer), new_method(**place))
        assert answer.error == (400, "CARD_NUMBER_REFUSED")
        path = f"{methods(customer)}/{(await a_method(api, customer))['id']}"
        assert (await api.patch(path, place)).code == "CARD_NUMBER_REFUSED"

    @pytest.mark.parametrize("token", NOT_CARD_NUMBERS)
    async def test_a_token_that_is_not_a_card_number_is_accepted(
        self, api: Api, token: str
    ) -> None:
        method = await a_method(api, await customer_path(api), gatewayPaymentMethodId=token)
        assert method["gatewayPaymentMethodId"] == token

    @pytest.mark.parametrize("key", SECRET_KEYS)
    async def test_keys_of_card_secrets_are_refused_in_any_spelling(
        self, api: Api, key: str
    ) -> None:
        customer = await customer_path(api)
        answer = await api.post(methods(customer), new_method(**{key: "737"}))
        assert answer.error == (400, "CARD_NUMBER_REFUSED")
        assert "737" not in answer.raw.decode()
        assert (await api.get(methods(customer))).body == []

    async def test_card_numbers_are_refused_in_payment_methods_only(self, api: Api) -> None:
        note = await a_note(api, await customer_path(api), CARD)
        assert note["note"] == CARD
