"""Segments with a failed build: their members cannot be read; they can be changed and deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from customers.core.errors.availability import Unavailable
from customers.core.membership import refresh
from customers.core.model.timeline import membership_changes
from customers.core.services import segments
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import a_customer, a_segment, members, segment_path

EVERYBODY: Final = [{"field": "email", "operator": "is_not_empty"}]
ADAS: Final = [{"field": "first_name", "operator": "eq", "value": "Ada"}]


@contextmanager
def failing_evaluation() -> Iterator[None]:
    """Makes the evaluation of every rule by a backfill fail while the block runs."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refresh, "segment_filter", fail)
        yield


async def a_failed_segment(api: Api, **fields: Any) -> dict[str, Any]:
    with failing_evaluation():
        return await a_segment(api, rules=EVERYBODY, **fields)


class FailedBuildContract:
    async def test_a_segment_that_cannot_be_built_is_stored_and_says_so(self, api: Api) -> None:
        await a_customer(api)
        segment = await a_failed_segment(api)
        assert (segment["buildStatus"], segment["customerCount"]) == ("failed", 0)
        assert "send them again" in segment["buildError"]
        assert (await api.get(segment_path(segment))).body == segment
        assert (await api.get(SEGMENTS)).body == [segment]

    @pytest.mark.parametrize("query", ["", "?page=1", "?cursor="])
    async def test_its_members_cannot_be_read(self, api: Api, query: str) -> None:
        segment, customer = await a_failed_segment(api), await a_customer(api)
        path = segment_path(segment)
        answers = [
            await api.get(f"{path}/customers{query}"),
            await api.get(f"/customers?segment_id={segment['id']}"),
            await api.get(f"{path}/customers/{customer['id']}/explain"),
            await api.post(f"{path}/preview-change", {"rules": ADAS}),
            await api.put(path, {"isDynamic": False}),
        ]
        assert [answer.error for answer in answers] == [(409, "SEGMENT_FAILED")] * 5

    @pytest.mark.parametrize("rules", [ADAS, EVERYBODY], ids=["other", "same"])
    async def test_rules_that_are_sent_build_it_again(self, api: Api, rules: Any) -> None:
        segment = await a_failed_segment(api)
        customer = await a_customer(api, firstName="Ada")
        changed = (await api.put(segment_path(segment), {"rules": rules})).body
        assert (changed["buildStatus"], changed["customerCount"]) == ("ready", 1)
        assert "buildError" not in changed
        assert await members(api, changed) == [customer["id"]]

    async def test_it_stays_failed_when_something_else_changes(self, api: Api) -> None:
        segment = await a_failed_segment(api)
        renamed = (await api.put(segment_path(segment), {"name": "Other"})).body
        assert (renamed["name"], renamed["buildStatus"]) == ("Other", "failed")

    async def test_it_can_be_switched_off_and_on(self, api: Api) -> None:
        segment = await a_failed_segment(api)
        off = (await api.put(segment_path(segment), {"isActive": False})).body
        on = (await api.put(segment_path(segment), {"isActive": True})).body
        assert [body["buildStatus"] for body in (off, on)] == ["ready", "ready"]

    async def test_it_can_be_deleted(self, api: Api) -> None:
        segment = await a_failed_segment(api)
        assert (await api.delete(segment_path(segment))).status == 200
        assert (await api.get(SEGMENTS)).body == []

    async def test_other_segments_of_the_tenant_go_on(self, api: Api) -> None:
        healthy = await a_segment(api, rules=EVERYBODY)
        failed = await a_failed_segment(api)
        customer = await a_customer(api)
        assert await members(api, healthy) == [customer["id"]]
        feed = (await api.get(f"{segment_path(healthy)}/changes")).body["changes"]
        assert [change["customerId"] for change in feed] == [customer["id"]]
        assert (await api.get(f"{segment_path(failed)}/changes")).body["changes"] == []

    async def test_a_segment_that_can_no_longer_be_evaluated_fails_alone(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken, healthy = [await a_segment(api, rules=rules) for rules in (ADAS, EVERYBODY)]

        def fail(segment: Any, *arguments: Any) -> Any:
            return (
                1 / 0
                if str(segment.id) == broken["id"]
                else membership_changes(segment, *arguments)
            )

        monkeypatch.setattr(refresh, "membership_changes", fail)
        customer = await a_customer(api)
        feed = (await api.get(f"{segment_path(healthy)}/changes")).body["changes"]
        assert [change["customerId"] for change in feed] == [customer["id"]]
        assert (await api.get(segment_path(broken))).body["buildStatus"] == "failed"

    async def test_what_is_stored_is_answered_when_the_storage_fails_afterwards(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise Unavailable

        monkeypatch.setattr(segments, "start_backfill", fail)
        segment = await a_segment(api, rules=EVERYBODY)
        assert (segment["buildStatus"], segment["customerCount"]) == ("building", 0)
        changed = await api.put(segment_path(segment), {"rules": ADAS})
        assert (changed.status, changed.body["buildStatus"]) == (200, "building")
