"""Who may verify an e-mail address, and that nothing of a token is shown."""

from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.config.access_values import AuthModes, Networks, PermissionNames
from customers.entrypoints.observability import logs
from tests.support.api_client import Api, serving
from tests.support.api_steps import a_customer
from tests.support.builders import USD, a_tenant

CLAIMS = {"x-jwt-claim-sub": "ada"}
GATEWAY: dict[str, Any] = {
    "auth": AuthModes(("gateway",)),
    "gateway_peers": Networks.parse("127.0.0.1/32"),
}


@pytest.fixture
async def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def api(storage: MemoryStorage, tenant: str) -> AsyncIterator[Api]:
    """A service behind a gateway; calls without claims are the platform's, with customers:*."""
    platform = PermissionNames(("customers:*",))
    async with serving(storage, tenant=tenant, **GATEWAY, gateway_anonymous=platform) as api:
        yield api


@pytest.fixture
async def public(storage: MemoryStorage, tenant: str) -> AsyncIterator[Api]:
    """A service on the same storage for which no call of these tests is authenticated."""
    settings = GATEWAY | {"gateway_peers": Networks.parse("192.0.2.0/24")}
    async with serving(storage, tenant=tenant, **settings) as api:
        yield api


async def test_a_token_is_the_only_credential(api: Api, public: Api) -> None:
    customer = await a_customer(api)
    await api.post(f"/customers/{customer['id']}/send-verification")
    answer = await public.post("/customers/verify-email", {"token": api.mails.token})
    assert (answer.status, answer.body["customer"]["id"]) == (200, customer["id"])
    answer = await public.post("/customers/verify-email", {"token": "unknown"})
    assert answer.error == (400, "INVALID_TOKEN")


async def test_a_mail_needs_the_permission_to_edit(api: Api, public: Api) -> None:
    path = f"/customers/{(await a_customer(api))['id']}/send-verification"
    assert (await public.post(path)).error == (401, "AUTHENTICATION_REQUIRED")
    headers = CLAIMS | {"x-jwt-claim-permissions": "customers:view"}
    headers["x-jwt-claim-tenant-id"] = api.tenant
    assert (await api.post(path, headers=headers)).error == (403, "PERMISSION_DENIED")
    headers["x-jwt-claim-permissions"] = "customers:edit"
    assert (await api.post(path, headers=headers)).status == 200
    headers["x-jwt-claim-tenant-id"] = a_tenant()
    assert (await api.post(path, headers=headers)).error == (403, "TENANT_FORBIDDEN")


async def test_a_deployment_without_mail_says_so(storage: MemoryStorage, tenant: str) -> None:
    settings = GATEWAY | {"environment": "production"}
    platform = PermissionNames(("customers:*",))
    async with serving(storage, tenant=tenant, **settings, gateway_anonymous=platform) as api:
        customer = await a_customer(api)
        answer = await api.post(f"/customers/{customer['id']}/send-verification")
    assert answer.error == (503, "MAIL_NOT_CONFIGURED")


async def test_neither_log_nor_metrics_nor_errors_show_a_token_or_an_address(api: Api) -> None:
    logs.configure("debug", as_json=True, stream=(stream := StringIO()))
    customer = await a_customer(api)
    api.mails.failures = 3
    await api.post(f"/customers/{customer['id']}/send-verification")
    await api.mails.arrived.wait()
    answers = [
        await api.post("/customers/verify-email", {"token": api.mails.token, "x": 1}, headers=more)
        for more in ({"Prefer": "handling=strict"}, {}, {})
    ]
    assert [answer.status for answer in answers] == [400, 200, 400]
    metrics = await api.get("/metrics", base="", headers=CLAIMS | {"x-jwt-claim-permissions": "*"})
    assert '"a mail was not sent"' in stream.getvalue()
    assert '"cause":"the server is away"' in stream.getvalue()
    shown = [stream.getvalue(), metrics.raw.decode(), *(answers[n].raw.decode() for n in (0, 2))]
    for text in shown:
        assert api.mails.token not in text
        assert customer["email"] not in text


async def test_the_log_says_why_a_caller_was_refused(public: Api) -> None:
    logs.configure("info", as_json=True, stream=(stream := StringIO()))
    assert (await public.get("/customers")).status == 401
    [line] = [one for one in stream.getvalue().splitlines() if '"access refused"' in one]
    assert '"cause":"authentication_required"' in line
