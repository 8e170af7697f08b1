"""PostgreSQL's own log gets no personal value, although it reports every failed statement."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.storage import PostgresStorage
from tests.support.api_client import Api, serving
from tests.support.api_steps import a_customer, a_method, new_customer, new_method
from tests.support.builders import USD, a_tenant
from tests.support.databases import rows
from tests.support.patience import until
from tests.support.postgres_servers import log_of_test_server
from tests.support.storage_steps import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A text that no other test writes; it is in each value about which requests conflict.
CANARY = "canary-5e1b7"
AT_ONCE = 8
_DUPLICATE = "INSERT INTO deployment_secrets (name, secret) VALUES ($1, ''), ($1, '')"


@pytest_asyncio.fixture(loop_scope="session")
async def server(migrated: Callable[[str], Awaitable[str]]) -> str:
    """The URL of a server that logs the errors of statements, as servers do by default."""
    return f"{await migrated('embedded 18')}?log_min_messages=error"


@pytest_asyncio.fixture(loop_scope="session")
async def api(server: str) -> AsyncIterator[Api]:
    async with (
        opened(
            PostgresStorage(server, currency=USD, pool=PoolOptions(max_size=AT_ONCE))
        ) as storage,
        serving(storage, tenant=a_tenant()) as api,
    ):
        yield api


async def at_once(api: Api, method: str, paths: list[str], body: Any) -> set[int]:
    """The statuses of equal requests that arrive together."""
    answers = await asyncio.gather(*(api.send(method, path, body) for path in paths))
    return {answer.status for answer in answers}


async def conflicts_of_emails(api: Api) -> None:
    people = [await a_customer(api) for _ in range(AT_ONCE)]
    paths = [f"/customers/{person['id']}" for person in people]
    email = f"{CANARY}@example.test"
    assert await at_once(api, "PUT", paths, {"email": email}) == {200, 409}
    for path in paths:
        await api.delete(path)
    assert await at_once(api, "POST", ["/customers"] * AT_ONCE, new_customer(email=email)) == {
        200,
        201,
    }
    assert 409 in await at_once(api, "POST", [f"{path}/restore" for path in paths], {})


async def conflicts_of_tokens(api: Api) -> None:
    people = [await a_customer(api) for _ in range(AT_ONCE)]
    paths = [f"/customers/{person['id']}/payment-methods" for person in people]
    body = new_method(gatewayPaymentMethodId=f"pm_{CANARY}")
    assert await at_once(api, "POST", paths, body) == {201, 409}
    released = await a_customer(api)
    await a_method(api, f"/customers/{released['id']}", gatewayPaymentMethodId=f"tok_{CANARY}")
    await api.delete(f"/customers/{released['id']}")
    again = new_method(gatewayPaymentMethodId=f"tok_{CANARY}")
    await asyncio.gather(
        at_once(api, "POST", paths, again), api.post(f"/customers/{released['id']}/restore")
    )


async def conflicts_of_segments_and_messages(api: Api) -> None:
    segment = {"name": f"Segment {CANARY}"}
    assert await at_once(api, "POST", ["/customers/segments"] * AT_ONCE, segment) == {201, 409}
    other = (await api.post("/customers/segments", {"name": "Other"})).body["id"]
    assert (await api.put(f"/customers/segments/{other}", segment)).status == 409
    customer = await a_customer(api)
    path = f"/customers/{customer['id']}/communications"
    message = {"communicationType": "email", "direction": "outbound", "externalId": CANARY}
    assert await at_once(api, "POST", [path] * AT_ONCE, message) == {200, 201}


async def test_a_conflict_writes_no_personal_value_to_the_log_of_the_server(
    api: Api, server: str
) -> None:
    await asyncio.gather(
        conflicts_of_emails(api), conflicts_of_tokens(api), conflicts_of_segments_and_messages(api)
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await rows(server, _DUPLICATE, "an-expected-value")
    await until(lambda: "an-expected-value" in log_of_test_server())
    assert CANARY not in log_of_test_server()
