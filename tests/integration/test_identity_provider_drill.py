"""The drill with identity providers counts the service's wrong answers, and no right ones; how long
answers take is not tested.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from click.testing import CliRunner

from benchmarks import identity_providers
from benchmarks.identity_providers import main, measure
from benchmarks.token_load import MAX_SECONDS_TO_KNOW, KeyTimes, Load
from benchmarks.token_providers import CannotRun, Provider, oidc_provider
from tests.support.tokens import a_signer, claims

KINDS = {
    "forged signature",
    "expired",
    "wrong audience",
    "another issuer",
    "a key that nobody has",
}


async def test_a_real_provider_changes_while_callers_are_answered(tmp_path: Path) -> None:
    try:
        async with oidc_provider(tmp_path) as provider:
            load = await measure(provider, 3)
    except CannotRun as error:
        pytest.skip(str(error))
    assert (load.false_refusals, load.false_grants) == (Counter(), Counter())
    assert load.granted
    assert load.refusals.keys() == KINDS
    assert "the token has expired" in load.refusals["expired"]
    assert "the token is for another audience" in load.refusals["wrong audience"]


@asynccontextmanager
async def a_load(status: int, message: str) -> AsyncIterator[Load]:
    """A load on a service that answers each call with this status and message."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"message": message}, status=status)

    app = web.Application()
    app.router.add_get("/api/v1/customers", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            load = Load(session)
            load.add_valid(a_signer().token(claims()))
            load.add_refused({"wrong": a_signer().token(claims(aud="orders"))})
            yield load
    finally:
        await runner.cleanup()


async def send(load: Load) -> None:
    """Sends a valid token and a wrong one."""
    for number in range(2):
        await load.send(number, 0.0)


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_whoever_is_not_refused_with_401_is_let_in(status: int) -> None:
    async with a_load(status, "text") as load:
        await send(load)
    assert load.false_grants == Counter({f"wrong: {status} text": 1})
    assert not load.is_faultless


async def test_a_valid_token_that_is_refused_counts_with_its_message() -> None:
    async with a_load(401, "text") as load:
        await send(load)
    assert load.false_refusals == Counter({"401 text": 1})
    assert load.refusals == {"wrong": Counter({"text": 1})}
    assert not load.is_faultless


async def test_a_key_that_is_not_fetched_yet_counts_apart() -> None:
    async with a_load(401, "the key of the token is unknown") as load:
        await send(load)
        assert (load.not_yet_known, load.is_faultless) == (1, True)
        load.keys.accept("first")
        await send(load)
    assert load.false_refusals == Counter({"401 the key of the token is unknown": 1})


def test_a_key_may_be_unknown_until_it_is_known_and_not_for_long() -> None:
    keys = KeyTimes(issued_at={"one": 100.0})
    assert keys.may_be_unknown("one", 100 + MAX_SECONDS_TO_KNOW)
    assert not keys.may_be_unknown("one", 101 + MAX_SECONDS_TO_KNOW)
    keys.is_away = True
    assert keys.may_be_unknown("one", 101 + MAX_SECONDS_TO_KNOW)
    keys.accepted_at["one"] = 110.0
    assert keys.may_be_unknown("one", 109.0)
    assert not keys.may_be_unknown("one", 110.0)


def test_a_false_grant_is_shown_and_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(_: Provider, seconds: float) -> Load:
        async with ClientSession() as session:
            return Load(
                session,
                waits=[0.1, 0.2],
                seconds=seconds,
                false_grants=Counter({"expired: 200 ": 1}),
            )

    monkeypatch.setattr(identity_providers, "measure", measured)
    monkeypatch.setattr(identity_providers, "PROVIDERS", {"one": a_provider})
    result = CliRunner().invoke(main)
    assert result.exit_code == 1
    assert "FALSE grant: expired: 200" in result.output


@asynccontextmanager
async def a_provider(_: Path) -> AsyncIterator[None]:
    yield None


def test_without_java_keycloak_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = tmp_path / "left-out"
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("LEFT_OUT", str(left_out))
    result = CliRunner().invoke(main, ["--only", "Keycloak", "--folder", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "Keycloak is left out (needs Java 17 or newer)" in result.output
    assert left_out.read_text() == "Keycloak (needs Java 17 or newer)\n"
