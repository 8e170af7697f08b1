"""The clock of a service, which tests freeze and advance."""

from datetime import timedelta

import pytest

from tests.support.api_steps import a_customer, a_segment, customer_path, members
from tests.support.builders import NOW
from tests.support.memory_service import MemoryService, memory_service

A_DAY = 86_400


def moment(days: float = 0) -> str:
    return (NOW + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def test_the_clock_is_frozen_where_the_settings_say(service: MemoryService) -> None:
    assert await service.call("GET", "/clock") == {"now": moment(), "stands": True}


async def test_without_a_setting_the_clock_runs() -> None:
    async with memory_service(clock=None) as service:
        first, second = [await service.call("GET", "/clock") for _ in range(2)]
    assert first["stands"] is second["stands"] is False
    assert first["now"] < second["now"]


async def test_setting_the_clock_freezes_it(service: MemoryService) -> None:
    answer = await service.call("PUT", "/clock", {"now": moment(2)})
    assert answer == await service.call("GET", "/clock") == {"now": moment(2), "stands": True}


async def test_a_frozen_clock_can_be_advanced(service: MemoryService) -> None:
    answer = await service.call("POST", "/clock/advance", {"seconds": A_DAY / 2})
    assert answer == {"now": moment(0.5), "stands": True}


async def test_a_running_clock_that_is_advanced_goes_on_running() -> None:
    async with memory_service(clock=None) as service:
        before = await service.call("GET", "/clock")
        after = await service.call("POST", "/clock/advance", {"seconds": A_DAY})
    assert (after["stands"], after["now"][:10] > before["now"][:10]) == (False, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/clock", {"now": moment(-1)}, "now"),
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
async def test_a_move_that_is_not_forward_is_refused_and_changes_nothing(
    service: MemoryService, method: str, path: str, body: object, field: str
) -> None:
    answer = await service.send(method, path, body)
    assert (answer.status, answer.fields) == (400, {field})
    assert await service.call("GET", "/clock") == {"now": moment(), "stands": True}


async def test_a_new_customer_is_created_at_the_clocks_time(service: MemoryService) -> None:
    await service.call("POST", "/clock/advance", {"seconds": A_DAY})
    assert (await a_customer(service.api))["createdAt"] == moment(1)


async def test_segments_are_refreshed_before_an_advance_is_answered(service: MemoryService) -> None:
    rules = [{"field": "days_since_created", "operator": "gte", "value": 1}]
    segment = await a_segment(service.api, rules=rules)
    customer = await customer_path(service.api)
    await service.call("POST", "/clock/advance", {"seconds": A_DAY})
    assert [f"/customers/{id}" for id in await members(service.api, segment)] == [customer]
    snapshot = await service.call("GET", "/snapshot")
    assert not snapshot["tenants"][service.tenant].get("pendingChanges")
