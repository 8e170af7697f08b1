"""Keys are fetched in the background: rotation, outages, nonsense, floods."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from customers.adapters.jwt.fetched_keys import FetchedKeys, FetchTimes
from customers.adapters.jwt.providers import DiscoveredProvider, JwksProvider, Provider
from customers.adapters.jwt.verifier import JwtVerifier
from customers.core.errors.access import InvalidToken
from tests.support.builders import FixedClock
from tests.support.patience import until
from tests.support.tokens import FakeProvider, a_signer, claims, fake_provider, hang, jwks

FIRST, SECOND = a_signer("ES256", "first"), a_signer("ES256", "second")
LONG = 1000.0


class Seconds:
    """A clock in seconds that only tests move."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def fetched(provider: Provider, **pace: Any) -> AsyncIterator[FetchedKeys]:
    keys = FetchedKeys(provider, FetchTimes(**{"interval": LONG, "after_failure": LONG, **pace}))
    await keys.open()
    try:
        yield keys
    finally:
        await keys.close()


def accepts(keys: FetchedKeys, token: str) -> bool:
    try:
        JwtVerifier(keys, FixedClock()).verify(token)
    except InvalidToken:
        return False
    return True


def at(provider: FakeProvider) -> JwksProvider:
    return JwksProvider(f"{provider.url}/jwks?key=hunter2")


async def test_the_keys_are_there_when_it_is_open() -> None:
    async with fake_provider(FIRST) as provider, fetched(at(provider)) as keys:
        assert accepts(keys, FIRST.token(claims()))
        assert not accepts(keys, SECOND.token(claims()))


async def test_an_unknown_key_is_refused_at_once_and_fetched_for_later_tokens() -> None:
    token = SECOND.token(claims())
    async with fake_provider(FIRST) as provider, fetched(at(provider)) as keys:
        provider.signers = (SECOND,)
        assert not accepts(keys, token)
        await until(lambda: accepts(keys, token))
        assert not accepts(keys, FIRST.token(claims()))


async def test_the_only_key_may_change_without_having_an_id() -> None:
    old, new = a_signer("ES256", None), a_signer("EdDSA", None)
    async with fake_provider(old) as provider, fetched(at(provider)) as keys:
        provider.signers = (new,)
        await until(lambda: accepts(keys, new.token(claims())))


async def test_keys_are_fetched_at_intervals() -> None:
    async with fake_provider(FIRST) as provider, fetched(at(provider), interval=0.01) as keys:
        provider.signers = (SECOND,)
        seen = provider.requests
        await until(lambda: provider.requests > seen + 2)
        assert accepts(keys, SECOND.token(claims()))
        assert not accepts(keys, FIRST.token(claims()))


async def test_a_flood_of_unknown_keys_makes_one_fetch_in_thirty_seconds() -> None:
    seconds = Seconds()
    unknown = SECOND.token(claims())
    async with fake_provider(FIRST) as provider, fetched(at(provider), now=seconds) as keys:
        for _ in range(200):
            accepts(keys, unknown)
            await asyncio.sleep(0.001)
        assert provider.requests == 2


async def test_after_the_pause_the_next_unknown_key_is_fetched() -> None:
    async with (
        fake_provider(FIRST) as provider,
        fetched(at(provider), between_misses=0.05) as keys,
    ):
        accepts(keys, SECOND.token(claims()))
        await until(lambda: provider.requests == 2)
        provider.signers = (SECOND,)
        accepts(keys, SECOND.token(claims()))
        await until(lambda: accepts(keys, SECOND.token(claims())))


async def test_known_keys_stay_good_for_a_day_without_the_provider() -> None:
    seconds, token = Seconds(), FIRST.token(claims())
    async with fake_provider(FIRST) as provider:
        provider_at = at(provider)
        async with fetched(provider_at, now=seconds) as keys:
            seconds.now += 24 * 3600 - 1
            assert accepts(keys, token)
            seconds.now += 1
            assert not accepts(keys, token)


async def test_no_token_waits_while_the_provider_hangs() -> None:
    async with fake_provider(FIRST) as provider, fetched(at(provider)) as keys:
        provider.answer = hang
        accepts(keys, SECOND.token(claims()))
        await until(lambda: provider.requests == 2)
        assert accepts(keys, FIRST.token(claims()))
        assert not accepts(keys, SECOND.token(claims()))


async def test_a_provider_that_hangs_does_not_stop_the_start() -> None:
    async with fake_provider(FIRST) as provider:
        provider.answer = hang
        async with fetched(at(provider), first=0.05) as keys:
            assert not accepts(keys, FIRST.token(claims()))


async def html(_: web.Request) -> web.Response:
    return web.Response(text="<html>Bad gateway</html>", content_type="text/html")


async def huge(_: web.Request) -> web.Response:
    return web.Response(body=jwks(SECOND) + b" " * 1024 * 1024)


async def failing(_: web.Request) -> web.Response:
    return web.Response(status=500, body=jwks(SECOND))


async def without_list(_: web.Request) -> web.Response:
    return web.json_response({"keys": {}})


async def failing_without_keys(_: web.Request) -> web.Response:
    return web.json_response({"keys": []}, status=503)


async def in_a_circle(_: web.Request) -> web.Response:
    raise web.HTTPFound("/jwks")


async def to_a_file(_: web.Request) -> web.Response:
    raise web.HTTPFound("file:///etc/passwd")


async def deep(_: web.Request) -> web.Response:
    return web.Response(body=b"[" * 500_000)


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


NONSENSE = {
    html: "is not a JSON object",
    huge: "is larger than 1 MiB",
    failing: "answers 500",
    failing_without_keys: "answers 503",
    without_list: 'is not a JWKS: it has no list "keys"',
    in_a_circle: "redirects too often",
    to_a_file: "redirects to another scheme",
    deep: "is not a JSON object",
    cut_off: "cannot be read: ClientPayloadError",
    hang: "does not answer in time",
}


@pytest.mark.parametrize("answer", NONSENSE)
async def test_nonsense_leaves_the_known_keys_and_a_line_in_the_log(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pace = {"interval": 0.01, "after_failure": 0.01, "timeout": 0.5}
    async with fake_provider(FIRST) as provider, fetched(at(provider), **pace) as keys:
        provider.answer = answer
        await until(lambda: bool(caplog.messages))
        [message] = caplog.messages
        assert message.startswith("the keys of tokens cannot be fetched: ")
        assert message.endswith(NONSENSE[answer])
        assert "hunter2" not in message
        assert accepts(keys, FIRST.token(claims()))
        provider.answer, provider.signers = provider.keys, (SECOND,)
        await until(lambda: accepts(keys, SECOND.token(claims())))
    assert caplog.messages == [message, "the keys of tokens are fetched again"]


@pytest.mark.parametrize("entries", [[], ["nonsense"], [{"kty": "oct", "k": "AAAA"}]])
async def test_keys_that_the_provider_has_withdrawn_are_refused(
    entries: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def without_keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": entries})

    pace, token = {"interval": 0.01, "after_failure": 0.01}, FIRST.token(claims())
    async with fake_provider(FIRST) as provider, fetched(at(provider), **pace) as keys:
        assert accepts(keys, token)
        provider.answer = without_keys
        await until(lambda: not accepts(keys, token))
        seen = provider.requests
        await until(lambda: provider.requests > seen + 2)
        [message] = caplog.messages
        assert message.endswith("has no public key for signatures of RS256, PS256, ES256, EdDSA")
        assert "hunter2" not in message
        provider.answer = failing
        seen = provider.requests
        await until(lambda: provider.requests > seen + 2)
        assert not accepts(keys, token)
        provider.answer = provider.keys
        await until(lambda: accepts(keys, token))
    assert caplog.messages[-1] == "the keys of tokens are fetched again"


async def test_a_provider_without_keys_at_the_start_leaves_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with fake_provider() as provider, fetched(at(provider)) as keys:
        assert not accepts(keys, FIRST.token(claims()))
    [message] = caplog.messages
    assert message.startswith("the keys of tokens cannot be fetched: ")
    assert message.endswith("has no public key for signatures of RS256, PS256, ES256, EdDSA")


async def test_keys_arrive_after_a_start_without_the_provider(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with fake_provider(FIRST) as provider:
        provider.answer = failing
        async with fetched(at(provider), after_failure=0.01) as keys:
            assert not accepts(keys, FIRST.token(claims()))
            provider.answer = provider.keys
            await until(lambda: accepts(keys, FIRST.token(claims())))


async def test_a_redirect_with_the_same_scheme_is_followed() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        if request.query_string:
            raise web.HTTPFound("/jwks")
        return web.Response(body=jwks(FIRST))

    async with fake_provider() as provider:
        provider.answer = elsewhere
        async with fetched(at(provider)) as keys:
            assert accepts(keys, FIRST.token(claims()))


async def test_an_issuer_says_where_its_keys_are() -> None:
    async with (
        fake_provider(FIRST) as provider,
        fetched(DiscoveredProvider(provider.issuer)) as keys,
    ):
        assert accepts(keys, FIRST.token(claims()))


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ({"issuer": "https://evil.test"}, "is the configuration of another issuer"),
        ({"issuer": None}, "is the configuration of another issuer"),
        ({"jwks_uri": "file:///etc/passwd"}, "names no jwks_uri with the scheme https"),
        ({"jwks_uri": 1}, "names no jwks_uri with the scheme https"),
        ({"jwks_uri": "http://[::1"}, "names no jwks_uri with the scheme https"),
        ({"jwks_uri": "http://"}, "cannot be read: InvalidUrlClientError"),
    ],
)
async def test_a_wrong_configuration_gives_no_keys(
    configuration: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with fake_provider(FIRST) as provider:
        provider.configuration = configuration
        async with fetched(DiscoveredProvider(provider.issuer)) as keys:
            assert not accepts(keys, FIRST.token(claims()))
    assert caplog.messages[0].endswith(reason)


async def test_nothing_needs_to_be_open_to_be_closed() -> None:
    await FetchedKeys(JwksProvider("http://127.0.0.1:1/jwks")).close()
