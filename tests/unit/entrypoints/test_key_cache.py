"""Callers with API keys: how long a key is cached, what a flood costs, and a key's last use."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import define, evolve, field
from prometheus_client import CollectorRegistry

from customers.core.errors.access import InvalidToken
from customers.core.errors.availability import TenantBusy, Unavailable
from customers.core.model.api_key import ApiKey, Credential
from customers.entrypoints.access import key_cache
from customers.entrypoints.access.key_cache import (
    MAX_AGE_SECONDS,
    MAX_LOOK_UP_SECONDS,
    MAX_NEW_IN_STORAGE,
    MAX_NEW_LOOK_UPS,
    MAX_STALE_SECONDS,
    KeyCache,
)
from customers.entrypoints.access.key_uses import KeyUses, run_key_uses
from customers.entrypoints.access.keys import ApiKeyTokens
from customers.entrypoints.observability.refusal_metrics import RefusalMetrics
from tests.support.builders import NOW, FixedClock, a_credential, an_api_key, later

REVOKED_STOPS_WITHIN = 5.0


@define
class Keys:
    """A storage of keys, with a clock in seconds. It notes the ids that are looked up and the uses
    that are written; look-ups wait for `gate`, and everything fails while it `is_away`.
    """

    stored: dict[UUID, ApiKey] = field(factory=dict)
    look_ups: list[UUID] = field(factory=list)
    is_away: bool = False
    gate: asyncio.Event = field(factory=asyncio.Event)
    now: float = 1_000.0
    written: list[tuple[str, dict[UUID, datetime]]] = field(factory=list)
    registry: CollectorRegistry = field(factory=CollectorRegistry)
    error: Exception = field(factory=Unavailable)

    def __attrs_post_init__(self) -> None:
        self.gate.set()

    async def find(self, key_id: UUID) -> ApiKey | None:
        self.look_ups.append(key_id)
        key = self.stored.get(key_id)
        await self.gate.wait()
        if self.is_away:
            raise self.error
        return key

    async def write(self, tenant_id: str, uses: Any) -> None:
        if self.is_away:
            raise Unavailable
        self.written.append((tenant_id, dict(uses)))

    def cache(self, **options: Any) -> KeyCache:
        refusals = RefusalMetrics(self.registry)
        return KeyCache(find=self.find, seconds=lambda: self.now, refusals=refusals, **options)

    def add(self, **fields: Any) -> Credential:
        credential = a_credential()
        self.stored[credential.key_id] = an_api_key(credential, **fields)
        return credential

    def revoke(self, credential: Credential) -> None:
        key = self.stored[credential.key_id]
        self.stored[credential.key_id] = evolve(key, revoked_at=NOW)


@define
class Caller:
    tokens: ApiKeyTokens
    uses: KeyUses
    clock: FixedClock

    async def calls(self, credential: Credential) -> str:
        """The subject of the caller, or the reason for which the key is refused."""
        try:
            return (await self.tokens.principal(credential.text)).subject
        except InvalidToken as error:
            return str(error)


def a_caller(keys: Keys, **options: Any) -> Caller:
    uses, clock = KeyUses(keys.write), FixedClock()
    return Caller(ApiKeyTokens(keys.cache(**options), uses, clock), uses, clock)


async def test_a_revoked_key_stops_within_five_seconds() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    assert await caller.calls(credential) == str(credential.key_id)
    keys.revoke(credential)
    assert await caller.calls(credential) == str(credential.key_id)
    keys.now += MAX_AGE_SECONDS
    assert await caller.calls(credential) == "the key has been revoked"
    assert MAX_AGE_SECONDS + MAX_LOOK_UP_SECONDS < REVOKED_STOPS_WITHIN


async def test_the_age_of_a_key_counts_from_the_start_of_its_look_up() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    keys.gate.clear()
    call = asyncio.create_task(caller.calls(credential))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(keys.look_ups) == 1
    keys.revoke(credential)
    keys.now += 1.4
    keys.gate.set()
    assert await call == str(credential.key_id)
    keys.now += MAX_AGE_SECONDS - 1.4
    assert await caller.calls(credential) == "the key has been revoked"


async def test_a_key_is_looked_up_once_while_it_is_remembered() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    for _ in range(10):
        await caller.calls(credential)
    assert keys.look_ups == [credential.key_id]


async def test_unknown_keys_are_remembered_too() -> None:
    keys, unknown = Keys(), a_credential()
    caller = a_caller(keys)
    for _ in range(10):
        assert await caller.calls(unknown) == "the key is not known"
    assert keys.look_ups == [unknown.key_id]


async def test_a_flood_of_unknown_keys_pushes_no_known_one_out() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys, max_entries=3)
    await caller.calls(credential)
    invented = [a_credential() for _ in range(10)]
    for one in invented:
        await caller.calls(one)
    keys.look_ups.clear()
    await caller.calls(credential)
    assert keys.look_ups == []
    await caller.calls(invented[-1])
    assert keys.look_ups == []
    await caller.calls(invented[0])
    assert keys.look_ups == [invented[0].key_id]


async def test_no_more_keys_are_remembered_than_the_limit() -> None:
    keys = Keys()
    caller = a_caller(keys, max_entries=2)
    first, second, third = (keys.add() for _ in range(3))
    for credential in (first, second, third):
        await caller.calls(credential)
    keys.look_ups.clear()
    await caller.calls(third)
    await caller.calls(second)
    assert keys.look_ups == []
    await caller.calls(first)
    assert keys.look_ups == [first.key_id]


async def test_callers_with_one_key_share_a_look_up() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    keys.gate.clear()
    calls = [asyncio.create_task(caller.calls(credential)) for _ in range(5)]
    await asyncio.sleep(0)
    calls[0].cancel()  # which does not end the look-up for the others
    await asyncio.sleep(0)
    keys.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [str(credential.key_id)] * 4
    assert keys.look_ups == [credential.key_id]


async def test_while_the_storage_is_away_remembered_keys_go_on_and_others_cannot_be_known() -> None:
    keys = Keys()
    credential, other, caller = keys.add(), keys.add(), a_caller(keys)
    await caller.calls(credential)
    keys.is_away = True
    assert await caller.calls(credential) == str(credential.key_id)
    for unknown in (other, a_credential()):
        with pytest.raises(Unavailable):
            await caller.calls(unknown)
    keys.now += MAX_STALE_SECONDS
    with pytest.raises(Unavailable):
        await caller.calls(credential)
    keys.is_away = False
    assert await caller.calls(other) == str(other.key_id)


@pytest.mark.parametrize("error", [Unavailable(), TenantBusy()])
async def test_a_known_key_that_cannot_be_looked_up_goes_on_for_less_than_five_seconds(
    error: Exception,
) -> None:
    keys = Keys(error=error)
    credential, caller = keys.add(), a_caller(keys)
    await caller.calls(credential)
    keys.revoke(credential)  # at once after the look-up, which is the latest to be seen
    keys.is_away = True
    keys.now += REVOKED_STOPS_WITHIN - 0.25
    assert await caller.calls(credential) == str(credential.key_id)
    assert len(keys.look_ups) == 2
    keys.now += 0.25
    with pytest.raises(Unavailable):
        await caller.calls(credential)
    keys.is_away = False
    assert await caller.calls(credential) == "the key has been revoked"
    assert MAX_STALE_SECONDS <= REVOKED_STOPS_WITHIN


async def test_the_age_of_a_key_counts_when_its_look_up_has_failed() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    await caller.calls(credential)
    keys.now += MAX_STALE_SECONDS - 0.25
    keys.gate.clear()
    call = asyncio.create_task(caller.calls(credential))
    await _until(lambda: len(keys.look_ups) == 2)
    keys.is_away = True
    keys.now += 0.25
    keys.gate.set()
    with pytest.raises(Unavailable):
        await call


async def test_a_flood_of_unknown_keys_delays_no_look_up_of_a_known_one() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    await caller.calls(credential)
    keys.now += MAX_AGE_SECONDS
    keys.gate.clear()
    flood = [asyncio.create_task(caller.calls(a_credential())) for _ in range(MAX_NEW_LOOK_UPS + 5)]
    await _until(lambda: sum(call.done() for call in flood) == 5)
    assert len(keys.look_ups) == 1 + MAX_NEW_IN_STORAGE
    known = asyncio.create_task(caller.calls(credential))
    await _until(lambda: keys.look_ups[-1] == credential.key_id)
    keys.gate.set()
    assert await known == str(credential.key_id)
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert results[:MAX_NEW_LOOK_UPS] == ["the key is not known"] * MAX_NEW_LOOK_UPS
    refused = results[MAX_NEW_LOOK_UPS:]
    assert {str(error) for error in refused} == {
        "too many API keys are being looked up, try again in a moment"
    }
    labels = {"kind": "key_look_ups"}
    assert keys.registry.get_sample_value("customers_refusals_total", labels) == 5
    assert await caller.calls(a_credential()) == "the key is not known"


async def test_a_new_key_that_gets_no_place_in_time_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_cache, "MAX_LOOK_UP_SECONDS", 0.01)
    keys = Keys()
    caller = a_caller(keys)
    keys.gate.clear()
    calls = [caller.calls(a_credential()) for _ in range(MAX_NEW_IN_STORAGE + 1)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}


async def test_a_look_up_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cache, "MAX_LOOK_UP_SECONDS", 0.001)
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    keys.gate.clear()
    with pytest.raises(Unavailable):
        await caller.calls(credential)
    keys.gate.set()
    assert await caller.calls(credential) == str(credential.key_id)


async def test_a_wrong_secret_does_not_shut_the_right_one_out() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    wrong = evolve(credential, secret="f" * 64)
    assert await caller.calls(wrong) == "the key is not known"
    assert await caller.calls(credential) == str(credential.key_id)
    assert keys.look_ups == [credential.key_id]


async def test_the_last_use_is_written_once_a_minute() -> None:
    keys = Keys()
    credential, caller = keys.add(tenant_id="shop-1"), a_caller(keys)
    caller.clock.forward(seconds=59)
    for _ in range(3):
        await caller.calls(credential)
        await caller.uses.flush()
    assert keys.written == [("shop-1", {credential.key_id: NOW})]
    caller.clock.forward(seconds=1)
    await caller.calls(credential)
    await caller.uses.flush()
    assert keys.written[1:] == [("shop-1", {credential.key_id: later(minutes=1)})]


async def test_a_refused_call_is_no_use() -> None:
    keys = Keys()
    expired, caller = keys.add(expires_at=NOW), a_caller(keys)
    await caller.calls(expired)
    await caller.calls(a_credential())
    await caller.uses.flush()
    assert keys.written == []


async def test_a_use_that_another_process_has_written_is_not_written_again() -> None:
    keys = Keys()
    credential, caller = keys.add(last_used_at=NOW), a_caller(keys)
    await caller.calls(credential)
    await caller.uses.flush()
    assert keys.written == []


async def test_uses_that_could_not_be_written_are_written_later() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    await caller.calls(credential)
    keys.is_away = True
    with pytest.raises(Unavailable):
        await caller.uses.flush()
    keys.is_away = False
    await caller.uses.flush()
    assert keys.written == [("tenant", {credential.key_id: NOW})]


async def test_uses_are_written_in_the_background_and_when_the_service_ends() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    async with run_key_uses(caller.uses, pause=0.001):
        await caller.calls(credential)
        await _until(lambda: len(keys.written) == 1)
        keys.is_away = True
        caller.clock.forward(minutes=1)
        await caller.calls(credential)
        await asyncio.sleep(0.01)
        keys.is_away = False
        await _until(lambda: len(keys.written) == 2)
    async with run_key_uses(caller.uses, pause=3_600):
        caller.clock.forward(minutes=1)
        await caller.calls(credential)
    minutes = [uses[credential.key_id] for _, uses in keys.written]
    assert minutes == [NOW + timedelta(minutes=number) for number in range(3)]


async def test_the_end_of_the_service_does_not_fail_with_the_storage() -> None:
    keys = Keys()
    credential, caller = keys.add(), a_caller(keys)
    async with run_key_uses(caller.uses, pause=3_600):
        await caller.calls(credential)
        keys.is_away = True
    assert keys.written == []


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)
