"""Verifying an e-mail address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from attrs import evolve

from customers.adapters.mail.links import StorefrontLinks
from customers.adapters.random_secrets import SystemRandomSecrets
from customers.core.ports.storage import Storage
from customers.core.services.verifications import Verifications
from tests.support.api_client import Answer, Api, serving
from tests.support.api_steps import a_customer, an_unknown_id
from tests.support.builders import a_tenant
from tests.support.patience import PATIENCE_SECONDS

SENT = "Verification email sent"
DELAYED = "Verification token generated, but email delivery may be delayed"
NO_TENANT = {"X-Tenant-ID": None}


def path_of(customer: dict[str, Any]) -> str:
    return f"/customers/{customer['id']}"


async def send(api: Api, customer: dict[str, Any]) -> Answer:
    return await api.post(f"{path_of(customer)}/send-verification")


async def verify(api: Api, token: str) -> Answer:
    return await api.post("/customers/verify-email", {"token": token}, headers=NO_TENANT)


async def a_token(api: Api, customer: dict[str, Any]) -> str:
    """Sends a mail to the customer; returns its token."""
    assert (await send(api, customer)).status == 200
    return api.mails.token


async def stored(api: Api, customer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(path_of(customer))).body
    return body


async def expire(api: Api, _: dict[str, Any]) -> None:
    api.clock.forward(hours=24)


async def use_another(api: Api, customer: dict[str, Any]) -> None:
    token = api.mails.token
    api.clock.forward(minutes=1)
    assert (await verify(api, await a_token(api, customer))).status == 200
    assert token != api.mails.token


async def change_address(api: Api, customer: dict[str, Any]) -> None:
    await api.put(path_of(customer), {"email": f"new-{customer['email']}"})


async def change_address_and_back(api: Api, customer: dict[str, Any]) -> None:
    await change_address(api, customer)
    await api.patch(path_of(customer), {"email": customer["email"]})


async def delete(api: Api, customer: dict[str, Any]) -> None:
    await api.delete(path_of(customer))


async def erase(api: Api, customer: dict[str, Any]) -> None:
    await api.delete(f"{path_of(customer)}?mode=erase")


ENDINGS: list[Callable[[Api, dict[str, Any]], Awaitable[None]]] = [
    expire,
    use_another,
    change_address,
    change_address_and_back,
    delete,
    erase,
]


class _OnItsOwn:
    """A service for each test, because tests read its mails and use up the attempts of a peer."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def api(self, storage: Storage, tenant: str) -> AsyncIterator[Api]:
        async with serving(storage, tenant=tenant) as api:
            yield api


class SendVerificationContract(_OnItsOwn):
    async def test_a_mail_with_a_link_is_sent_to_the_address(self, api: Api) -> None:
        customer = await a_customer(api)
        answer = await send(api, customer)
        assert (answer.status, answer.body) == (200, {"message": SENT})
        [mail] = api.mails.sent
        assert (mail.recipient, str(mail.customer_id)) == (customer["email"], customer["id"])
        assert mail.link == f"http://localhost:3000/verify-email?token={mail.token}"
        assert len(mail.token) >= 43

    async def test_the_link_does_not_follow_a_header(self, api: Api) -> None:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        customer = await a_customer(api)
        await api.post(f"{path_of(customer)}/send-verification", headers=headers)
        assert api.mails.sent[0].link.startswith("http://localhost:3000/")

    async def test_unknown_deleted_and_foreign_customers_are_not_found(self, api: Api) -> None:
        customer, deleted = await a_customer(api), await a_customer(api)
        await delete(api, deleted)
        for other, path in (
            (api, f"/customers/{an_unknown_id()}"),
            (api, path_of(deleted)),
            (api.of_tenant(a_tenant()), path_of(customer)),
        ):
            answer = await other.post(f"{path}/send-verification")
            assert answer.error == (404, "CUSTOMER_NOT_FOUND")
        assert api.mails.sent == []

    async def test_a_verified_address_is_not_verified_again(self, api: Api) -> None:
        customer = await a_customer(api)
        await verify(api, await a_token(api, customer))
        api.clock.forward(minutes=5)
        assert (await send(api, customer)).error == (409, "EMAIL_ALREADY_VERIFIED")
        assert len(api.mails.sent) == 1

    async def test_at_most_one_mail_a_minute_is_sent(self, api: Api) -> None:
        customer, other = await a_customer(api), await a_customer(api)
        await send(api, customer)
        api.clock.forward(seconds=18.5)
        answer = await send(api, customer)
        assert answer.error == (429, "VERIFICATION_LIMIT_EXCEEDED")
        assert answer.headers["Retry-After"] == "42"
        assert (await send(api, other)).status == 200
        api.clock.forward(seconds=41)
        assert (await send(api, customer)).headers["Retry-After"] == "1"
        api.clock.forward(seconds=0.5)
        assert (await send(api, customer)).status == 200

    async def test_at_most_five_mails_a_day_are_sent(self, api: Api) -> None:
        customer = await a_customer(api)
        for _ in range(5):
            assert (await send(api, customer)).status == 200
            api.clock.forward(hours=1)
        answer = await send(api, customer)
        assert (answer.status, answer.headers["Retry-After"]) == (429, str(19 * 3600))
        api.clock.forward(hours=19)
        assert (await send(api, customer)).status == 200
        assert (await send(api, customer)).headers["Retry-After"] == str(3600)

    async def test_a_changed_address_does_not_lift_the_limit(self, api: Api) -> None:
        customer = await a_customer(api)
        await send(api, customer)
        await change_address(api, customer)
        assert (await send(api, customer)).status == 429

    async def test_many_at_once_send_one_mail(self, api: Api) -> None:
        customer = await a_customer(api)
        answers = await asyncio.gather(*(send(api, customer) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + 7 * [429]
        assert len(api.mails.sent) == 1

    async def test_a_mail_that_fails_at_first_is_tried_again(self, api: Api) -> None:
        api.mails.failures = 1
        answer = await send(api, await a_customer(api))
        assert (answer.status, api.mails.attempts) == (200, 2)

    async def test_a_failed_mail_is_told_and_tried_in_the_background(self, api: Api) -> None:
        api.mails.failures = 3
        answer = await send(api, await a_customer(api))
        assert (answer.status, answer.body) == (202, {"message": DELAYED})
        async with asyncio.timeout(PATIENCE_SECONDS):
            await api.mails.arrived.wait()
        assert (await verify(api, api.mails.token)).status == 200


class VerifyEmailContract(_OnItsOwn):
    async def test_the_token_of_a_mail_verifies_the_address(self, api: Api) -> None:
        customer = await a_customer(api)
        token = await a_token(api, customer)
        api.clock.forward(hours=23, minutes=59)
        answer = await verify(api, token)
        assert (answer.status, answer.body["message"]) == (200, "Email verified successfully")
        shown = {"id", "email", "firstName", "lastName"}
        assert answer.body["customer"] == {key: customer[key] for key in shown} | {
            "emailVerified": True
        }
        after = await stored(api, customer)
        assert (after["emailVerified"], after["version"]) == (True, customer["version"] + 1)
        assert after["updatedAt"] > customer["updatedAt"]

    async def test_both_of_two_mails_work_until_one_is_used(self, api: Api) -> None:
        customer = await a_customer(api)
        first = await a_token(api, customer)
        api.clock.forward(minutes=1)
        second = await a_token(api, customer)
        assert (await verify(api, first)).status == 200
        assert (await verify(api, second)).error == (400, "INVALID_TOKEN")

    @pytest.mark.parametrize("end", ENDINGS)
    async def test_every_token_that_does_not_verify_gets_the_same_answer(
        self, api: Api, end: Callable[[Api, dict[str, Any]], Awaitable[None]]
    ) -> None:
        unknown = await verify(api, "x" * 43)
        for token in ("x" * 1_001, "x" * 9_000, "x\x00\ny", "\ud800", "ü ß"):
            assert (await verify(api, token)).raw == unknown.raw
        token = await a_token(api, customer := await a_customer(api))
        await end(api, customer)
        answer = await verify(api, token)
        assert answer.error == (400, "INVALID_TOKEN")
        assert answer.raw == unknown.raw

    async def test_a_used_token_is_invalid(self, api: Api) -> None:
        token = await a_token(api, customer := await a_customer(api))
        assert (await verify(api, token)).status == 200
        assert (await verify(api, token)).error == (400, "INVALID_TOKEN")
        assert (await stored(api, customer))["version"] == customer["version"] + 1

    async def test_many_at_once_verify_once(self, api: Api) -> None:
        token = await a_token(api, customer := await a_customer(api))
        answers = await asyncio.gather(*(verify(api, token) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + 7 * [400]
        assert (await stored(api, customer))["version"] == customer["version"] + 1

    async def test_a_token_needs_no_tenant_and_a_named_one_does_not_matter(self, api: Api) -> None:
        token = await a_token(api, await a_customer(api))
        answer = await api.post(
            "/customers/verify-email", {"token": token}, headers={"X-Tenant-ID": a_tenant()}
        )
        assert answer.status == 200

    @pytest.mark.parametrize("body", [{}, {"token": " "}, {"token": 1}, []])
    async def test_bad_input_is_refused(self, api: Api, body: Any) -> None:
        answer = await api.post("/customers/verify-email", body, headers=NO_TENANT)
        assert answer.error == (400, "VALIDATION_FAILED")

    async def test_a_peer_that_tries_invalid_tokens_is_slowed_down(self, api: Api) -> None:
        token = await a_token(api, await a_customer(api))
        for number in range(10):
            assert (await verify(api, f"guess-{number}")).status == 400
        answer = await verify(api, "guess-10")
        assert answer.error == (429, "TOO_MANY_ATTEMPTS")
        assert 1 <= int(answer.headers["Retry-After"]) <= 6
        assert (await verify(api, token)).status == 200, "others behind the gateway have valid ones"

    @pytest.mark.parametrize("ending", ENDINGS)
    async def test_a_mail_whose_token_has_ended_is_not_tried_again(
        self, api: Api, ending: Callable[[Api, dict[str, Any]], Awaitable[None]], storage: Storage
    ) -> None:
        customer = await a_customer(api)
        await send(api, customer)
        mail = api.mails.sent[-1]
        links = StorefrontLinks("https://shop.example.test")
        verifications = Verifications(storage, api.clock, SystemRandomSecrets(), links)
        assert await verifications.is_needed(mail)
        await ending(api, customer)
        assert not await verifications.is_needed(mail)

    async def test_valid_tokens_do_not_slow_a_peer_down(self, api: Api) -> None:
        for _ in range(12):
            token = await a_token(api, await a_customer(api))
            assert (await verify(api, token)).status == 200

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    async def test_the_path_has_no_other_method(self, api: Api, method: str) -> None:
        # Not checked: the path could also be that of a customer, which has other methods.
        answer = await evolve(api, is_checked=False).send(method, "/customers/verify-email")
        assert answer.error == (405, "METHOD_NOT_ALLOWED")


class ChangedEmailContract(_OnItsOwn):
    async def test_an_address_that_is_changed_and_changed_back_needs_a_new_token(
        self, api: Api
    ) -> None:
        customer = await a_customer(api)
        tokens = [await a_token(api, customer)]
        for change in (api.put, api.patch):
            for email in (f"new-{customer['email']}", customer["email"]):
                assert (await change(path_of(customer), {"email": email})).status == 200
            assert (await verify(api, tokens[-1])).error == (400, "INVALID_TOKEN")
            api.clock.forward(minutes=1)
            tokens.append(await a_token(api, customer))
        assert (await verify(api, tokens[-1])).status == 200

    async def test_a_deleted_and_restored_customer_can_use_their_token(self, api: Api) -> None:
        token = await a_token(api, customer := await a_customer(api))
        await api.delete(path_of(customer))
        assert (await api.post(f"{path_of(customer)}/restore")).status == 200
        assert (await verify(api, token)).status == 200

    async def test_a_changed_address_is_unverified_again(self, api: Api) -> None:
        customer = await a_customer(api)
        await verify(api, await a_token(api, customer))
        for change in (api.put, api.patch):
            email = f"{change.__name__}-{customer['email']}"
            answer = await change(path_of(customer), {"email": email})
            assert answer.body["emailVerified"] is False
            api.clock.forward(minutes=1)
            assert (await verify(api, await a_token(api, customer))).status == 200

    async def test_an_address_in_other_letter_case_stays_verified(self, api: Api) -> None:
        customer = await a_customer(api)
        await verify(api, await a_token(api, customer))
        answer = await api.put(path_of(customer), {"email": customer["email"].upper()})
        assert answer.body["emailVerified"] is True

    async def test_a_token_works_for_the_address_in_other_letter_case(self, api: Api) -> None:
        token = await a_token(api, customer := await a_customer(api))
        await api.put(path_of(customer), {"email": customer["email"].upper()})
        assert (await verify(api, token)).status == 200
