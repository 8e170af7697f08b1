"""The clock that tests move."""

from datetime import timedelta

import pytest

from tests.support.api_steps import a_customer, a_segment, customer_path, members
from tests.support.builders import NOW
from tests.support.memory_service import Bench, benched

A_DAY = 86_400


def shown(days: float = 0) -> str:
    return (NOW + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def test_it_stands_where_the_settings_say(bench: Bench) -> None:
    assert await bench.told("GET", "/clock") == {"now": shown(), "stands": True}


async def test_without_a_setting_it_runs() -> None:
    async with benched(clock=None) as bench:
        first, second = [await bench.told("GET", "/clock") for _ in range(2)]
    assert first["stands"] is second["stands"] is False
    assert first["now"] < second["now"]


async def test_it_is_set_forward_and_stands_there(bench: Bench) -> None:
    answer = await bench.told("PUT", "/clock", {"now": shown(2)})
    assert answer == await bench.told("GET", "/clock") == {"now": shown(2), "stands": True}


async def test_it_is_moved_ahead(bench: Bench) -> None:
    answer = await bench.told("POST", "/clock/advance", {"seconds": A_DAY / 2})
    assert answer == {"now": shown(0.5), "stands": True}


async def test_one_that_runs_goes_on_running_ahead() -> None:
    async with benched(clock=None) as bench:
        before = await bench.told("GET", "/clock")
        after = await bench.told("POST", "/clock/advance", {"seconds": A_DAY})
    assert (after["stands"], after["now"][:10] > before["now"][:10]) == (False, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/clock", {"now": shown(-1)}, "now"),
        ("PUT", "/clock", {"now": "2030-01-01T00:00:00"}, "now"),
        ("PUT", "/clock", {"now": 5}, "now"),
        ("PUT", "/clock", {}, "now"),
        ("POST", "/clock/advance", {"seconds": 0}, "seconds"),
        ("POST", "/clock/advance", {"seconds": -1}, "seconds"),
        ("POST", "/clock/advance", {"seconds": "soon"}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 10**15}, "seconds"),
        ("POST", "/clock/advance", {"seconds": 10**12}, "seconds"),
        ("POST", "/clock/advance", {}, "seconds"),
    ],
)
async def test_what_is_no_way_forward_is_refused_and_moves_nothing(
    bench: Bench, method: str, path: str, body: object, field: str
) -> None:
    answer = await bench.tell(method, path, body)
    assert (answer.status, answer.fields) == (400, {field})
    assert await bench.told("GET", "/clock") == {"now": shown(), "stands": True}


async def test_everything_is_written_at_its_moment(bench: Bench) -> None:
    await bench.told("POST", "/clock/advance", {"seconds": A_DAY})
    assert (await a_customer(bench.api))["createdAt"] == shown(1)


async def test_segments_are_settled_before_it_answers(bench: Bench) -> None:
    rules = [{"field": "days_since_created", "operator": "gte", "value": 1}]
    segment = await a_segment(bench.api, rules=rules)
    customer = await customer_path(bench.api)
    await bench.told("POST", "/clock/advance", {"seconds": A_DAY})
    assert [f"/customers/{each}" for each in await members(bench.api, segment)] == [customer]
    snapshot = await bench.told("GET", "/snapshot")
    assert not snapshot["tenants"][bench.tenant].get("pendingChanges")
