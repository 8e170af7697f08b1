"""A real identity provider: rotation, an outage and skewed clocks, under load."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession
from attrs import define, field

from tests.support.forked_program import start_service
from tests.support.identity_provider import IdentityProvider, identity_provider
from tests.support.patience import PATIENCE_SECONDS
from tests.support.service_process import MEMORY, Service
from tests.support.tokens import forged

CALLERS = 4


@define
class Load:
    """Callers that send valid and invalid tokens all the time, and their unexpected answers."""

    service: Service
    session: ClientSession
    valid: list[str] = field(factory=list)
    invalid: list[str] = field(factory=list)
    refused: Counter[str] = field(factory=Counter)
    granted: Counter[str] = field(factory=Counter)
    count: int = 0
    calls: int = 0

    async def status(self, token: str, tenant: str = "shop-1") -> tuple[int, str]:
        """The status of a call with the token, and the message of an error."""
        headers = {"Authorization": f"Bearer {token}", "X-Tenant-ID": tenant}
        url = f"{self.service.http}/api/v1/customers"
        self.calls += 1
        async with self.session.get(url, headers=headers) as response:
            body = await response.json()
            return response.status, body.get("message", "")

    async def run(self) -> None:
        while True:
            for token in tuple(self.valid):
                status, message = await self.status(token)
                if status != 200:
                    self.refused[message] += 1
            for token in tuple(self.invalid):
                status, message = await self.status(token)
                if status != 401:
                    self.granted[f"{status} {message}"] += 1
            self.count += 1

    async def rounds(self, number: int = 10) -> None:
        """Waits for this many more rounds, of all callers together."""
        end = self.count + number
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.count < end:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(load: Load) -> AsyncIterator[None]:
    """Runs the load while the block runs; asserts that nobody was refused or let in by mistake."""
    tasks, began = [asyncio.create_task(load.run()) for _ in range(CALLERS)], time.monotonic()
    try:
        yield
    finally:
        print(f"{load.calls:,} calls, {load.calls / (time.monotonic() - began):,.0f} a second")
        for task in tasks:
            task.cancel()
        ended: Sequence[BaseException | None] = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, asyncio.CancelledError) for error in ended), ended
    assert (load.refused, load.granted) == (Counter(), Counter())


async def test_no_caller_is_refused_or_let_in_by_mistake(tmp_path: Path) -> None:
    async with identity_provider() as provider, ClientSession() as session:
        options = ("--auth", "jwt", "--jwt-issuer", provider.issuer, "--jwt-audience")
        with start_service(tmp_path, *MEMORY, *options, "urn:customers") as service:
            load = Load(service, session)
            token = await provider.token(session)
            load.valid.append(token)
            load.invalid += [await provider.token(session, "urn:orders"), forged(token)]
            async with running(load):
                await load.rounds()
                await a_token_is_of_its_tenants(load, token)
                await keys_rotate(load, provider)
                await clocks_are_skewed(load, provider)
                await the_provider_is_away(load, provider)
            assert token not in service.output + service.errors


async def a_token_is_of_its_tenants(load: Load, token: str) -> None:
    assert (await load.status(token, "shop-2"))[0] == 403


async def keys_rotate(load: Load, provider: IdentityProvider) -> None:
    """The first token with a new key may be refused until the key is fetched, later ones not."""
    await provider.rotate(2)
    token = await provider.token(load.session)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await load.status(token)) != (200, ""):
            assert answer == (401, "the key of the token is unknown")
    load.valid += [token, await provider.token(load.session)]
    load.invalid.append(forged(token))
    await load.rounds()


async def clocks_are_skewed(load: Load, provider: IdentityProvider) -> None:
    for seconds in (50, -310):  # not yet issued, and expired, within the leeway
        await provider.skew(seconds)
        load.valid.append(await provider.token(load.session))
    await load.rounds()
    for seconds, reason in (
        (80, "the token is not yet valid"),
        (-380, "the token has expired"),
    ):
        await provider.skew(seconds)
        assert await load.status(await provider.token(load.session)) == (401, reason)
    load.valid.pop()  # its leeway ends during the test


async def the_provider_is_away(load: Load, provider: IdentityProvider) -> None:
    await provider.rotate(3)
    unknown = await provider.token(load.session)
    await provider.stop()
    load.invalid.append(unknown)
    await load.rounds()
