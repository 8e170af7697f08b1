"""The identity providers of the drill, behind one interface: npm's oidc-provider and Keycloak."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import pytest
from aiohttp import ClientSession
from attrs import define

from benchmarks.keycloak import Keycloak, installed
from tests.support.identity_provider import IdentityProvider, identity_provider

AUDIENCE: Final = "urn:customers"
_OTHER_AUDIENCE: Final = "urn:orders"
_EXPIRED_SKEW: Final = -380  # a token is valid for 300 seconds, and the leeway is 60
_WRONG_AUDIENCE, _OTHER_ISSUER = "wrong audience", "another issuer"


class CannotRun(Exception):
    """The provider cannot run on this machine; the message says why."""


class Provider(Protocol):
    @property
    def issuer(self) -> str: ...

    async def valid(self) -> str:
        """A new token that the service accepts."""
        ...

    async def expired(self) -> str:
        """A token that has expired, or expires at once."""
        ...

    async def misdirected(self) -> Mapping[str, str]:
        """New tokens for another audience or of another issuer, by what is wrong with them."""
        ...

    async def rotate(self) -> None:
        """Signs with a new key from now on; the earlier keys stay in the JWKS."""
        ...

    async def skew(self, seconds: int) -> None:
        """Sets the provider's clock this many seconds ahead, if its clock can be moved."""
        ...

    async def stop(self) -> None: ...

    async def start(self) -> None: ...


@define
class OidcProvider(Provider):
    """npm's oidc-provider, with its keys in the file `state`.

    `other` is another oidc-provider, whose first key has the same id.
    """

    session: ClientSession
    state: Path
    stack: AsyncExitStack
    other: IdentityProvider
    current: IdentityProvider
    keys: int = 1

    @property
    def issuer(self) -> str:
        return self.current.issuer

    async def valid(self) -> str:
        return await self.current.token(self.session)

    async def expired(self) -> str:
        await self.skew(_EXPIRED_SKEW)
        token = await self.valid()
        await self.skew(0)
        return token

    async def misdirected(self) -> Mapping[str, str]:
        return {
            _WRONG_AUDIENCE: await self.current.token(self.session, _OTHER_AUDIENCE),
            _OTHER_ISSUER: await self.other.token(self.session),
        }

    async def rotate(self) -> None:
        self.keys += 1
        await self.current.rotate(self.keys)

    async def skew(self, seconds: int) -> None:
        await self.current.skew(seconds)

    async def stop(self) -> None:
        await self.current.stop()

    async def start(self) -> None:
        self.current = await self.stack.enter_async_context(identity_provider(self.state))


@define
class KeycloakProvider(Provider):
    server: Keycloak
    keys: int = 1

    @property
    def issuer(self) -> str:
        return self.server.issuer

    async def valid(self) -> str:
        return await self.server.token("orders-service")

    async def expired(self) -> str:
        return await self.server.token("short-lived")

    async def misdirected(self) -> Mapping[str, str]:
        return {
            _WRONG_AUDIENCE: await self.server.token("of-another-audience"),
            _OTHER_ISSUER: await self.server.token("orders-service", host="other.example.test"),
        }

    async def rotate(self) -> None:
        self.keys += 1
        await self.server.add_key(self.keys)

    async def skew(self, seconds: int) -> None:
        """Does nothing: Keycloak has the clock of this machine."""

    async def stop(self) -> None:
        await self.server.stop()

    async def start(self) -> None:
        await self.server.start()


@asynccontextmanager
async def oidc_provider(_: Path) -> AsyncIterator[Provider]:
    """Starts npm's oidc-provider. Raises CannotRun."""
    async with AsyncExitStack() as stack:
        state = Path(stack.enter_context(TemporaryDirectory())) / "state.json"
        session = await stack.enter_async_context(ClientSession())
        try:
            current = await stack.enter_async_context(identity_provider(state))
        except pytest.skip.Exception as skipped:
            raise CannotRun(skipped.msg) from None
        other = await stack.enter_async_context(identity_provider())
        yield OidcProvider(session=session, state=state, stack=stack, other=other, current=current)


@asynccontextmanager
async def keycloak(folder: Path) -> AsyncIterator[Provider]:
    """Starts Keycloak in the folder, where it stays installed. Raises CannotRun if it cannot be
    installed, ChildProcessError if it does not start.
    """
    try:
        home = await installed(folder)
    except OSError as error:
        raise CannotRun(str(error)) from None
    async with ClientSession() as session:
        server = Keycloak.new(home, session)
        try:
            await server.start()
            yield KeycloakProvider(server)
        finally:
            await server.stop()


def leave_out(name: str, reason: str) -> None:
    """Records a provider that did not run in the file that LEFT_OUT names, for tools/left-out."""
    with Path(os.environ.get("LEFT_OUT", os.devnull)).open("a", encoding="utf-8") as left_out:
        left_out.write(f"{name} ({reason})\n")
