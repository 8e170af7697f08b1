"""Builds that fail on a database: time-outs of statements, and rules stored before the limits."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func

from customers.adapters.postgres.customers import filters, rule_predicates
from customers.adapters.postgres.engine.connecting import PoolOptions
from customers.adapters.postgres.engine.weighted_cache import WeightedCache
from customers.adapters.postgres.segments import segments
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.model.customer_filter import CustomerFilter, RuleAt
from customers.core.model.rules import cost, parse
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api, serving
from tests.support.api_steps import a_customer, a_segment, members, segment_path
from tests.support.builders import NOW, USD
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage_steps import opened

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.newest_server]

SLOW, QUICK = ("Slow", "Quick")
# Long enough for every other statement on a busy machine, short beside a sleep of a minute.
TIMEOUT_SECONDS = 3.0
EXPENSIVE = [{"field": "notes", "operator": "contains", "value": "x" * 101}] * 100
EVERYBODY = [{"field": "email", "operator": "is_not_empty"}]


def named(name: str) -> list[dict[str, str]]:
    return [{"field": "first_name", "operator": "eq", "value": name}]


@pytest.fixture(autouse=True)
def _slow_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluating the rule for the name Slow takes a minute for each customer."""
    where, slow = rule_predicates.where, parse.parse(named(SLOW))

    def patched(rule: Any, now: Any) -> Any:
        is_slow = rule == slow
        return func.pg_sleep(60).is_not(None) if is_slow else where(rule, now)

    monkeypatch.setattr(filters, "where", patched)


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(url: str) -> AsyncIterator[PostgresStorage]:
    options = PoolOptions(acquire_timeout=PATIENCE_SECONDS, statement_timeout=TIMEOUT_SECONDS)
    storage = PostgresStorage(url, currency=USD, pool=options)
    async with opened(storage):
        yield storage


@pytest_asyncio.fixture(loop_scope="session")
async def api(impatient: PostgresStorage, tenant: str) -> AsyncIterator[Api]:
    async with serving(impatient, tenant=tenant) as api:
        yield api


async def test_a_segment_that_cannot_be_built_in_time_is_stored_and_says_so(api: Api) -> None:
    await a_customer(api, firstName=QUICK)
    quick = await a_segment(api, rules=named(QUICK))
    slow = await a_segment(api, rules=named(SLOW))
    assert (slow["buildStatus"], slow["customerCount"]) == ("failed", 0)
    assert (await api.get(SEGMENTS)).body == [slow, quick]
    changed = (await api.put(segment_path(slow), {"rules": EVERYBODY})).body
    assert (changed["buildStatus"], changed["customerCount"]) == ("ready", 1)


async def test_while_a_segment_is_built_a_count_that_takes_too_long_is_left_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customers.core.membership.refresh.MAX_STEPS_PER_REQUEST", 0)
    await a_customer(api, firstName=SLOW)
    slow = await a_segment(api, rules=named(SLOW))
    assert (slow["buildStatus"], slow["customerCount"]) == ("building", 0)
    answers = [await api.get(f"{segment_path(slow)}/customers{query}") for query in ("", "?page=1")]
    assert [answer.error for answer in answers] == [(409, "SEGMENT_BUILDING")] * 2


async def test_a_consistent_view_goes_on_after_a_count_that_takes_too_long(
    api: Api, impatient: PostgresStorage, tenant: str
) -> None:
    await a_customer(api, firstName=QUICK)
    slow, quick = (
        CustomerFilter(rule=RuleAt(rule=parse.parse(named(name)), now=NOW))
        for name in (SLOW, QUICK)
    )
    async with impatient.consistent_view(tenant) as view:
        assert await view.customers.counts([quick, slow, quick], 0.5) == [1, None, None]
        assert await view.customers.count(quick) == 1


async def test_a_rule_stored_before_there_were_limits_is_a_failed_build(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = await a_segment(api, rules=EVERYBODY)
    with monkeypatch.context() as patch:
        patch.setattr(cost, "MAX_COMPARISONS", 10**9)
        old = await a_segment(api, rules=EXPENSIVE)
    monkeypatch.setattr(segments, "_RULES", WeightedCache(10**6))
    customer = await a_customer(api)
    shown = (await api.get(segment_path(old))).body
    assert (shown["buildStatus"], shown["rules"]) == ("failed", EXPENSIVE)
    assert await members(api, healthy) == [customer["id"]]
    renamed = (await api.put(segment_path(old), {"name": "Other"})).body
    assert (renamed["name"], renamed["buildStatus"]) == ("Other", "failed")
    assert (await api.get(segment_path(old))).body["buildStatus"] == "failed"
    assert (await api.put(segment_path(old), {"rules": EXPENSIVE})).status == 400
    changed = (await api.put(segment_path(old), {"rules": EVERYBODY})).body
    assert (changed["buildStatus"], changed["customerCount"]) == ("ready", 1)
    assert (await api.delete(segment_path(old))).status == 200
