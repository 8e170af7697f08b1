"""The feed of a segment: who entered or left, when and why, in a fixed order."""

from typing import Any, Final

import pytest

from tests.contract.api.explanations import moment
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Answer, Api
from tests.support.api_steps import (
    a_customer,
    a_segment,
    an_unknown_id,
    assign,
    customer_path,
    id_of,
    segment_path,
)
from tests.support.membership_moves import MOVES, Move, make_calls, one_condition

KEYS: Final = {"sequence", "segmentId", "customerId", "change", "at", "cause"}
EVERYBODY: Final = one_condition("total_orders", "gte", 0)
# The feed may omit a customer who enters and leaves between reads, so it is read before an exit.
CAUSED: Final = [
    pytest.param(move, is_read, id=f"{name}, {'read' if is_read else 'not read'} before")
    for name, move in MOVES.items()
    for is_read in ((True, False) if move.becomes else (True,))
    if move.cause
]


async def changes(api: Api, segment: dict[str, Any], query: str = "") -> Answer:
    answer = await api.get(f"{segment_path(segment)}/changes{query}")
    assert answer.status == 200, answer
    return answer


async def read_feed(api: Api, segment: dict[str, Any], size: int = 1_000) -> list[dict[str, Any]]:
    """The whole feed of a segment, read in pages of `size` until a page is empty."""
    feed: list[dict[str, Any]] = []
    page = (await changes(api, segment, f"?limit={size}")).body
    while page["changes"]:
        assert len(page["changes"]) <= size
        assert page["next"] == page["changes"][-1]["sequence"]
        feed += page["changes"]
        after, page = page["next"], (
            await changes(api, segment, f"?after={page['next']}&limit={size}")
        ).body  # fmt: skip
        assert page["changes"] or page["next"] == after
    return feed


def replay(feed: list[dict[str, Any]], before: set[str] | None = None) -> set[str]:
    """The members after these changes; fails if a member enters, or if a non-member leaves."""
    members = set(before or ())
    for change in feed:
        assert (change["customerId"] in members) is (change["change"] == "left"), change
        (members.discard if change["change"] == "left" else members.add)(change["customerId"])
    return members


class MembershipFeedContract:
    async def test_a_change_shows_who_entered_and_when(self, api: Api) -> None:
        segment = await a_segment(api, **EVERYBODY)
        customer = await a_customer(api)
        then = api.clock.moment
        api.clock.forward(hours=1)
        body = (await changes(api, segment)).body
        (change,) = body["changes"]
        assert (set(body), set(change)) == ({"changes", "next"}, KEYS)
        assert (change["segmentId"], change["customerId"]) == (segment["id"], customer["id"])
        assert (change["change"], change["cause"]) == ("entered", "customer")
        assert moment(change["at"]) == then
        assert body["next"] == change["sequence"]

    @pytest.mark.parametrize(("move", "is_read_before"), CAUSED)
    async def test_each_change_has_its_cause_and_time(
        self, api: Api, move: Move, is_read_before: bool
    ) -> None:
        segment, customer = await a_segment(api, **move.segment), await customer_path(api)
        await make_calls(api, move.before, segment, customer)
        api.clock.forward(hours=1)
        if is_read_before:
            await read_feed(api, segment)
        await make_calls(api, [move.call], segment, customer)
        then = api.clock.moment
        api.clock.forward(hours=1)
        last = (await read_feed(api, segment))[-1]
        change = "entered" if move.becomes else "left"
        assert (last["change"], last["cause"]) == (change, move.cause)
        assert (moment(last["at"]), last["customerId"]) == (then, id_of(customer))

    async def test_a_change_by_time_has_its_exact_time_when_read_later(self, api: Api) -> None:
        segment = await a_segment(api, **one_condition("days_since_created", "between", [2, 4]))
        await a_customer(api)
        start = api.clock.moment
        for days, change in ((2, "entered"), (5, "left")):
            api.clock.forward(days=days, hours=7)
            last = (await read_feed(api, segment))[-1]
            assert (last["change"], last["cause"]) == (change, "time")
            assert (moment(last["at"]) - start).total_seconds() == days * 86_400
            api.clock.moment = moment(last["at"])

    async def test_feed_pages_lead_to_an_end_that_repeats(self, api: Api) -> None:
        segment = await a_segment(api)
        for _ in range(5):
            await assign(api, segment, await a_customer(api))
        feed = (await changes(api, segment)).body["changes"]
        sequences = [change["sequence"] for change in feed]
        assert sequences == sorted(set(sequences))
        assert all(type(sequence) is int and sequence > 0 for sequence in sequences)
        for size in (1, 2, 5):
            assert await read_feed(api, segment, size) == feed
        end = (await changes(api, segment, f"?after={sequences[-1]}")).body
        assert end == {"changes": [], "next": sequences[-1]}

    async def test_a_feed_read_from_its_empty_start_misses_nothing(self, api: Api) -> None:
        segment, other = await a_segment(api), await a_segment(api)
        await assign(api, other, await a_customer(api))
        start = (await changes(api, segment)).body
        assert start["changes"] == []
        await assign(api, segment, await a_customer(api))
        following = (await changes(api, segment, f"?after={start['next']}")).body
        assert len(following["changes"]) == 1

    async def test_a_feed_page_has_a_hundred_changes_by_default_and_a_thousand_at_most(
        self, api: Api
    ) -> None:
        segment, customers = await a_segment(api), [await a_customer(api) for _ in range(101)]
        ids = {"customerIds": [customer["id"] for customer in customers]}
        for method in ("POST", "DELETE") * 5:
            assert (await api.send(method, f"{segment_path(segment)}/customers", ids)).status == 200
        for query, size in (("", 100), ("?limit=1000", 1_000), ("?limit=5000", 1_000)):
            body = (await changes(api, segment, query)).body
            assert len(body["changes"]) == size
            assert body["next"] == body["changes"][-1]["sequence"]

    @pytest.mark.parametrize("name", ["after", "limit"])
    @pytest.mark.parametrize("value", ["-1", "x", "1.5", "1e2", "0x1"])
    async def test_feed_parameters_must_be_whole_numbers(
        self, api: Api, name: str, value: str
    ) -> None:
        segment = await a_segment(api)
        answer = await api.get(f"{segment_path(segment)}/changes?{name}={value}")
        assert (answer.status, answer.fields) == (400, {name})

    async def test_a_feed_limit_of_zero_is_refused(self, api: Api) -> None:
        segment = await a_segment(api)
        answer = await api.get(f"{segment_path(segment)}/changes?limit=0")
        assert (answer.status, answer.fields) == (400, {"limit"})

    @pytest.mark.parametrize("after", [2**31, 2**63 - 1, 2**63, 10**30])
    async def test_a_feed_page_after_the_last_sequence_is_empty(self, api: Api, after: int) -> None:
        segment = await a_segment(api)
        await assign(api, segment, await a_customer(api))
        answer = await api.get(f"{segment_path(segment)}/changes?after={after}")
        assert answer.status == 400 or answer.body["changes"] == []

    async def test_a_feed_has_only_changes_of_its_segment(self, api: Api) -> None:
        one, other = await a_segment(api, **EVERYBODY), await a_segment(api)
        first, second = await a_customer(api), await a_customer(api)
        await assign(api, other, second)
        assert {change["segmentId"] for change in await read_feed(api, one)} == {one["id"]}
        assert replay(await read_feed(api, one)) == {first["id"], second["id"]}
        assert replay(await read_feed(api, other)) == {second["id"]}

    async def test_an_unknown_segment_has_no_feed(self, api: Api) -> None:
        deleted = await a_segment(api)
        await api.delete(segment_path(deleted))
        for unknown in (deleted["id"], an_unknown_id()):
            answer = await api.get(f"{SEGMENTS}/{unknown}/changes")
            assert answer.error == (404, "SEGMENT_NOT_FOUND")
