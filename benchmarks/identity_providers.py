"""Drills with real identity providers: which tokens are wrongly refused or accepted.

    python -m benchmarks.identity_providers [--only TEXT] [--seconds 200] [--folder FOLDER]

Sends 200 requests a second to a service in memory, half with valid tokens, half with tokens that
must be refused. Meanwhile keys are rotated twice, the provider's clock is set 50 seconds ahead and
behind (npm's oidc-provider only; Keycloak's clock cannot be moved), and the provider is stopped and
started again.

Exits with 1 after a false grant or a false refusal. A token of a new key is refused until the
service has fetched the key, which it does in the background: no request waits for the provider.
Unknown keys are fetched at most once in 30 seconds, and the load always has tokens of a key that
nobody has, so a new key is unknown for up to 30 seconds here. These refusals are counted
separately. They are false refusals if the service already knew the key, or after the time in which
it must have fetched the key (`MAX_SECONDS_TO_KNOW`).
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import click
import jwt
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from attrs import define
from rich.console import Console
from rich.table import Table

from benchmarks.footprint import MEMORY
from benchmarks.processes import service
from benchmarks.token_load import EXPIRED, FORGED, Load
from benchmarks.token_providers import (
    AUDIENCE,
    CannotRun,
    Provider,
    keycloak,
    leave_out,
    oidc_provider,
)
from tests.support.tokens import a_signer, forged

SKEW_SECONDS: Final = 50
MAX_AWAY_SECONDS: Final = 60.0  # tokens of oidc-provider are good for 300
# When each change happens, as a share of the seconds of load.
ROTATIONS, AHEAD, BEHIND, AWAY = (0.1, 0.5), 0.3, 0.4, 0.7
_SECONDS_BETWEEN_TOKENS: Final = 1.0
_BETWEEN_MISDIRECTED: Final = 30
_UNKNOWN_KEY: Final = "a key that nobody has"
PROVIDERS: Final[dict[str, Callable[[Path], AbstractAsyncContextManager[Provider]]]] = {
    "oidc-provider": oidc_provider,
    "Keycloak": keycloak,
}


@define
class Drill:
    """One provider, and the load while it changes."""

    provider: Provider
    load: Load
    seconds: float

    async def run(self) -> None:
        self.load.add_refused({EXPIRED: await self.provider.expired()})
        await self._fetch(with_misdirected=True)
        async with asyncio.TaskGroup() as group:
            supply = group.create_task(self._supply())
            events = group.create_task(self._events())
            await self.load.run(self.seconds, events)
            supply.cancel()

    async def _supply(self) -> None:
        """Fetches new tokens every second, unless the provider is stopped."""
        number = 0
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TOKENS)
            number += 1
            if self.load.keys.is_away:
                continue
            try:
                await self._fetch(with_misdirected=number % _BETWEEN_MISDIRECTED == 0)
            except (ClientError, OSError):
                if not self.load.keys.is_away:  # it was stopped during the fetch
                    raise

    async def _fetch(self, *, with_misdirected: bool = False) -> None:
        token = await self.provider.valid()
        self.load.add_valid(token)
        self.load.add_refused({FORGED: forged(token), _UNKNOWN_KEY: _signed_by_nobody(token)})
        if with_misdirected:
            self.load.add_refused(await self.provider.misdirected())

    async def _events(self) -> None:
        began = time.monotonic()

        async def until(part: float) -> None:
            await asyncio.sleep(began + part * self.seconds - time.monotonic())

        await until(ROTATIONS[0])
        await self.provider.rotate()
        for part, seconds in ((AHEAD, SKEW_SECONDS), (BEHIND, -SKEW_SECONDS), (ROTATIONS[1], 0)):
            await until(part)
            await self.provider.skew(seconds)
        await self.provider.rotate()
        await until(AWAY)
        await self._be_away()

    async def _be_away(self) -> None:
        self.load.keys.is_away = True
        await self.provider.stop()
        await asyncio.sleep(min(0.15 * self.seconds, MAX_AWAY_SECONDS))
        await self.provider.start()
        self.load.keys.come_back()


@click.command()
@click.option("--only", default="", help="Only providers whose name contains this text.")
@click.option("--seconds", default=200.0, help="Seconds of load of each provider.")
@click.option("--folder", type=Path, default=Path(".bench/keycloak"), help="Folder of Keycloak.")
def main(only: str, seconds: float, folder: Path) -> None:
    """Measures what happens to callers while the keys of real identity providers change."""
    loads = asyncio.run(_run(folder.absolute(), only, seconds))
    Console(width=130).print(_table(loads))
    for name, load in loads.items():
        click.echo("\n".join(_details(name, load)))
    if not all(load.is_faultless for load in loads.values()):
        sys.exit(1)


async def _run(folder: Path, only: str, seconds: float) -> dict[str, Load]:
    loads = {}
    for name, start in PROVIDERS.items():
        if only not in name:
            continue
        try:
            async with start(folder) as provider:
                loads[name] = await measure(provider, seconds)
        except CannotRun as error:
            click.echo(f"{name} is left out ({error})")
            leave_out(name, str(error))
    return loads


async def measure(provider: Provider, seconds: float) -> Load:
    """Runs the drill with a provider and a new service; returns the load with its results."""
    environment = MEMORY | {
        "ENVIRONMENT": "development",
        "AUTH": "jwt",
        "JWT_ISSUER": provider.issuer,
        "JWT_AUDIENCE": AUDIENCE,
    }
    async with (
        service(environment) as server,
        ClientSession(
            server.http, connector=TCPConnector(limit=0), timeout=ClientTimeout(total=30)
        ) as session,
    ):
        load = Load(session)
        await Drill(provider, load, seconds).run()
        return load


def _signed_by_nobody(token: str) -> str:
    """A token with the same claims, signed with a key that no provider has."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return a_signer("ES256", "nobody").token(claims)


def _table(loads: dict[str, Load]) -> Table:
    table = Table("provider", title="Callers of a service while its identity provider changes")
    for heading in (
        *("requests", "a second", "false refusals", "false grants", "key not fetched yet"),
        *("longest until a key was known", "p99", "longest answer"),
    ):
        table.add_column(heading, justify="right")
    for name, load in loads.items():
        table.add_row(
            *(name, f"{len(load.waits):,}", f"{len(load.waits) / load.seconds:.0f}"),
            *(f"{load.false_refusals.total():,}", f"{load.false_grants.total():,}"),
            *(f"{load.not_yet_known:,}", f"{load.keys.longest:.1f} s"),
            *(f"{load.p99 * 1e3:.1f} ms", f"{max(load.waits) * 1e3:.1f} ms"),
        )
    return table


def _details(name: str, load: Load) -> list[str]:
    """A line for each kind of token and answer, with its count."""
    return [
        f"{name}, {load.granted:,} valid tokens: 200",
        *(f"{name}, FALSE refusal: {text} ({n:,})" for text, n in load.false_refusals.items()),
        *(f"{name}, FALSE grant: {text} ({n:,})" for text, n in load.false_grants.items()),
        *(
            f"{name}, {count:,} of {kind}: 401 {message}"
            for kind, counts in load.refusals.items()
            for message, count in counts.items()
        ),
    ]


if __name__ == "__main__":
    main()
