"""A dumped state can be restored, in this storage or another one, and dumps to the same data."""

import json
from datetime import datetime

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers.adapters.memory.storage import MemoryStorage
from customers.core.membership.refresh import apply_pending_changes, start_backfill
from customers.core.model.membership import RefreshState
from customers.core.model.rules import cost
from tests.support.api_client import NOTHING, Answer, Api, serving
from tests.support.builders import (
    A_SECRETS_KEY,
    NOW,
    USD,
    FixedClock,
    SequentialIds,
    a_communication,
    a_customer,
    a_dynamic_segment,
    a_payment_method,
    an_entry,
)
from tests.support.full_tenant import read_everything, read_view, store_full_tenant
from tests.support.membership_steps import (
    changes,
    pending_changes_of,
    refresh_state_of,
    remove_members,
    save_refresh_state,
    set_capture,
    store_members,
    stored_members,
)
from tests.support.random_commands import Command, KnownResources, commands
from tests.support.storage_steps import (
    add_communications,
    add_customers,
    add_segments,
    delete,
    erase,
    get_customer,
    save,
    save_entries,
    set_methods,
)

OTHER = "other"
NAMED_ADA = '{"conditions": [{"field": "firstName", "operator": "equals", "value": "ada"}]}'


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


async def copied(storage: MemoryStorage) -> MemoryStorage:
    """Another storage with the same data, restored from a JSON text."""
    copy = MemoryStorage(currency=USD)
    await copy.restore(json.loads(json.dumps(storage.dump())))
    return copy


async def test_a_restored_storage_reads_as_the_one_that_was_dumped(
    storage: MemoryStorage, tenant: str
) -> None:
    await store_full_tenant(storage, tenant)
    await store_full_tenant(storage, OTHER)
    copy = await copied(storage)
    for tenant_id in (tenant, OTHER):
        assert await read_everything(copy, tenant_id) == await read_everything(storage, tenant_id)


async def test_a_restored_state_dumps_to_the_same_data(storage: MemoryStorage, tenant: str) -> None:
    content = await store_full_tenant(storage, tenant)
    await erase(storage, content.ada)
    communications = [a_communication(content.bob) for _ in range(2)]
    await add_communications(storage, content.bob, *communications)
    await store_full_tenant(storage, OTHER)
    data = storage.dump()
    copy = await copied(storage)
    assert json.dumps(copy.dump()) == json.dumps(data)
    assert list(data) == sorted([tenant, OTHER])


async def test_tenants_without_data_are_left_out(storage: MemoryStorage, tenant: str) -> None:
    await read_view(storage, tenant)
    assert storage.dump() == {}


async def test_uncommitted_changes_are_not_dumped(storage: MemoryStorage, tenant: str) -> None:
    async with storage.transaction(tenant) as tx:
        await tx.customers.add(a_customer(tenant_id=tenant))
        assert storage.dump() == {}
    assert set(storage.dump()) == {tenant}


@given(st.lists(commands(), min_size=60, max_size=60))
@settings(
    max_examples=12,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
async def test_a_copy_responds_to_random_commands_as_the_original_does(
    generated: list[Command],
) -> None:
    storage, known = MemoryStorage(currency=USD), KnownResources()
    ids, key = SequentialIds(), A_SECRETS_KEY  # a storage's own key for cursors is not its copy's
    async with serving(storage, tenant="tenant", ids=ids, secrets_key=key) as api:
        for command in generated[:40]:
            answer = await send(api, known, command)
            known.learn(command.path_of(known), answer.body)
        moment = api.clock.moment
    copy = await copied(storage)
    answers, answers_of_copy = [
        await later_answers(one, known, generated[40:], moment) for one in (storage, copy)
    ]
    assert answers_of_copy == answers
    assert copy.dump() == storage.dump()


async def later_answers(
    storage: MemoryStorage, known: KnownResources, later: list[Command], moment: datetime
) -> list[tuple[int, bytes]]:
    """The answers to the later commands of a service that starts at `moment` with the storage."""
    ids, key = SequentialIds(999), A_SECRETS_KEY
    async with serving(storage, tenant="tenant", ids=ids, secrets_key=key) as api:
        api.clock.moment = moment
        answers = [await send(api, known, command) for command in later]
        return [(answer.status, answer.raw) for answer in answers]


async def send(api: Api, known: KnownResources, command: Command) -> Answer:
    api.clock.forward(seconds=command.seconds)
    path, body = command.path_of(known), command.body_of(known) or NOTHING
    return await api.send(command.method, path, body, headers=command.headers)


async def test_pending_changes_are_applied_by_a_copy_as_by_the_original(
    storage: MemoryStorage, tenant: str
) -> None:
    ada = a_customer(tenant_id=tenant, first_name="Ada")
    segment = a_dynamic_segment(NAMED_ADA, tenant_id=tenant)
    await add_customers(storage, ada)
    await add_segments(storage, segment)
    await save_refresh_state(storage, segment, RefreshState(watermark=NOW))
    await set_capture(storage, tenant)
    customer = await save_entries(storage, ada, an_entry(ada))
    await save(storage, evolve(customer, first_name="Eve").with_next_version(NOW))
    await save(storage, evolve(customer, last_name="Byron").with_next_version(NOW))
    copy = await copied(storage)
    assert await pending_changes_of(copy, ada) == await pending_changes_of(storage, ada) != ()
    for one in (copy, storage):
        await apply_pending_changes(one, tenant)
    assert await changes(copy, segment) == await changes(storage, segment) != []
    assert await stored_members(copy, segment) == [await get_customer(storage, ada)]


async def test_a_customer_who_left_a_segment_is_no_member_in_a_copy(
    storage: MemoryStorage, tenant: str
) -> None:
    content = await store_full_tenant(storage, tenant)
    await store_members(storage, content.segment, content.bob)
    await remove_members(storage, content.segment, content.ada)
    assert await stored_members(await copied(storage), content.segment) == [content.bob]


async def test_the_tokens_of_deleted_customers_are_free_in_a_copy(
    storage: MemoryStorage, tenant: str
) -> None:
    ada, eve = a_customer(tenant_id=tenant), a_customer(tenant_id=tenant)
    card = a_payment_method(eve)
    await add_customers(storage, ada, eve)
    await set_methods(storage, eve, card)
    await delete(storage, eve)
    token = card.gateway_payment_method_id
    await set_methods(storage, ada, a_payment_method(ada, gateway_payment_method_id=token))
    copy = await copied(storage)
    async with copy.transaction(tenant) as tx:
        await tx.customers.get_any_for_update(eve.id)
        assert await tx.payment_methods.reclaim(eve.id) == [card.id]


async def test_the_receipt_of_an_erasure_is_restored(storage: MemoryStorage, tenant: str) -> None:
    content = await store_full_tenant(storage, tenant)
    erasure = await erase(storage, content.ada)
    async with (await copied(storage)).transaction(tenant) as tx:
        assert await tx.erasures.find(content.ada.id) == erasure
        assert (
            await tx.customers.get_any_for_update(content.ada.id)
        ).statistics == content.ada.statistics


async def test_a_segment_without_a_refresh_state_is_built(
    storage: MemoryStorage, tenant: str
) -> None:
    content = await store_full_tenant(storage, tenant)
    data = storage.dump()
    for key in ("refreshStates", "changes"):
        del data[tenant][key]
    await storage.restore(data)
    assert await storage.tenants_to_refresh() == [tenant]
    await start_backfill(storage, tenant, content.segment.id, FixedClock())
    assert (await refresh_state_of(storage, content.segment)).is_ready
    assert await stored_members(storage, content.segment) == [content.ada]


async def test_a_failed_build_is_failed_in_a_copy(storage: MemoryStorage, tenant: str) -> None:
    content = await store_full_tenant(storage, tenant)
    failed = RefreshState(target=NOW, scanned=7).failed()
    await save_refresh_state(storage, content.segment, failed)
    copy = await copied(storage)
    assert (await refresh_state_of(copy, content.segment)).has_failed
    assert await copy.failed_builds() == await storage.failed_builds()


async def test_a_rule_of_an_older_snapshot_that_is_too_expensive_is_a_failed_build(
    storage: MemoryStorage, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = a_dynamic_segment('[{"field":"email","operator":"is_not_empty"}]', tenant_id=tenant)
    await add_segments(storage, segment)
    await save_refresh_state(storage, segment, RefreshState(watermark=NOW))
    await set_capture(storage, tenant)
    data = storage.dump()
    monkeypatch.setattr(cost, "MAX_COMPARISONS", 0)
    await storage.restore(data)
    async with storage.view(tenant) as view:
        rule = (await view.segments.get(segment.id)).rule
    assert rule is not None
    assert rule.is_too_expensive
    assert storage.dump() == data
