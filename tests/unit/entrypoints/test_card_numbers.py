"""`CARD_NUMBERS=refuse`: no card number in customers, notes and communications either."""

from typing import Any

import pytest

from tests.support.api_steps import a_communication, customer_path, new_customer
from tests.support.memory_service import memory_service

CARD = "4111 1111 1111 1111"
COMMUNICATION = {"communicationType": "email", "direction": "outbound"}


async def test_card_numbers_are_refused_wherever_a_customer_is_described() -> None:
    async with memory_service(card_numbers="refuse") as service:
        api = service.api
        customer = await customer_path(api)
        message = await a_communication(api, customer)
        calls: list[tuple[str, str, Any, str]] = [
            ("POST", "/customers", new_customer(notes=CARD), "/notes"),
            ("POST", "/customers", new_customer(tags=["a", CARD]), "/tags/1"),
            ("PUT", customer, {"lastName": CARD}, "/lastName"),
            ("PATCH", customer, {"phone": CARD}, "/phone"),
            ("POST", f"{customer}/lock", {"reason": f"stole {CARD}"}, "/reason"),
            ("POST", f"{customer}/notes", {"note": f"paid by {CARD}"}, "/note"),
            ("POST", f"{customer}/communications", COMMUNICATION | {"content": CARD}, "/content"),
            ("PATCH", f"{customer}/communications/{message['id']}", {"cvv": "123"}, "/cvv"),
        ]
        for method, path, body, pointer in calls:
            answer = await api.send(method, path, body)
            assert answer.error == (400, "CARD_NUMBER_REFUSED"), (method, path)
            assert answer.pointers == {pointer}
            assert CARD not in answer.raw.decode()


async def test_a_customer_may_have_a_phone_number_and_an_id() -> None:
    """Both contain digits that would pass for a card number in another field."""
    async with memory_service(card_numbers="refuse") as service:
        user = "41111111-1111-1111-8000-000000000000"
        body = new_customer(phone="+37 8282 246310005", userId=user)
        answer = await service.api.post("/customers", body)
        assert (answer.status, answer.body["userId"]) == (201, user)


@pytest.mark.parametrize("settings", [{}, {"card_numbers": "payment-methods"}], ids=["", "named"])
async def test_by_default_card_numbers_are_refused_in_payment_methods_only(
    settings: dict[str, Any],
) -> None:
    async with memory_service(**settings) as service:
        answer = await service.api.post("/customers", new_customer(notes=CARD))
        assert (answer.status, answer.body["notes"]) == (201, CARD)
