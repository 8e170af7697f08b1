"""The contract of `SegmentRepository`."""

import asyncio

import pytest
from attrs import evolve

from customers.core.errors import SegmentNameTaken, SegmentNotFound
from customers.core.model.segment import Segment
from customers.core.ports.storage import Storage
from tests.support.builders import a_dynamic_segment, a_segment, a_tenant, an_id, later
from tests.support.storage_steps import Pause, add_segments, overlap

RULES = (
    '{ "logicalOperator": "or", "rules": [{"field":"totalSpent", "operator": "greaterThan", '
    '"value": "1000"},\n {"value": 1.50, "operator": "lt", "field": "lifetime_value"},'
    '{"field": "notes", "operator": "contains", "value": "\\u00e9%_\\\\\'"}]}'
)
SAME_NAME = [("VIP", "VIP"), ("VIP", "vip"), ("Straße", "STRASSE"), ("É", "e\u0301")]


def a_manual_segment_with_rules(written: str, tenant_id: str) -> Segment:
    """A manual segment with these rules, which may be any JSON, since nothing evaluates them."""
    return a_segment(tenant_id=tenant_id, rules_text=written)


async def a_stored_segment(storage: Storage, tenant: str) -> Segment:
    segment = a_segment(tenant_id=tenant)
    await add_segments(storage, segment)
    return segment


async def some_segments(storage: Storage, tenant: str, number: int) -> list[Segment]:
    return [await a_stored_segment(storage, tenant) for _ in range(number)]


async def get_segment(storage: Storage, segment: Segment) -> Segment:
    async with storage.view(segment.tenant_id) as view:
        return await view.segments.get(segment.id)


async def save_segment(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.segments.get_for_update(segment.id)
        await tx.segments.save(segment)


async def remove_segment(storage: Storage, segment: Segment) -> None:
    async with storage.transaction(segment.tenant_id) as tx:
        await tx.memberships.acquire_lock()
        await tx.segments.get_for_update(segment.id)
        await tx.segments.remove(segment.id)


class SegmentContract:
    async def test_an_added_segment_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = a_dynamic_segment(
            RULES, tenant_id=tenant, name="Großkunden %_'", description="a\n\tb", is_active=False
        )
        await add_segments(storage, segment)
        assert await get_segment(storage, segment) == segment

    @pytest.mark.parametrize(
        "written", ["[]", '"[]"', '{"conditions":[],"logic":"NOT"}', "[ [ ], [] ]", "[\n]"]
    )
    @pytest.mark.parametrize("is_dynamic", [False, True])
    async def test_the_text_of_rules_is_stored_unchanged(
        self, storage: Storage, tenant: str, written: str, is_dynamic: bool
    ) -> None:
        make = a_dynamic_segment if is_dynamic else a_manual_segment_with_rules
        segment = make(written, tenant_id=tenant)
        await add_segments(storage, segment)
        assert await get_segment(storage, segment) == segment
        await save_segment(storage, plain := a_segment(tenant_id=tenant, id=segment.id))
        assert await get_segment(storage, segment) == plain

    async def test_the_segments_of_a_tenant_are_counted(
        self, storage: Storage, tenant: str
    ) -> None:
        await a_stored_segment(storage, a_tenant())
        async with storage.view(tenant) as view:
            assert await view.segments.count() == 0
        await some_segments(storage, tenant, 3)
        async with storage.view(tenant) as view:
            assert await view.segments.count() == 3

    async def test_segments_are_listed_newest_first_and_ties_by_id(
        self, storage: Storage, tenant: str
    ) -> None:
        segments = [
            a_segment(tenant_id=tenant, created_at=later(days=day)) for day in (1, 3, 0, 2, 2)
        ]
        await add_segments(storage, *segments)
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [segments[index] for index in (1, 4, 3, 0, 2)]

    async def test_reading_an_unknown_segment_raises(self, storage: Storage, tenant: str) -> None:
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == []
            with pytest.raises(SegmentNotFound):
                await view.segments.get(an_id())
        async with storage.transaction(tenant) as tx:
            with pytest.raises(SegmentNotFound):
                await tx.segments.get_for_update(an_id())

    async def test_a_saved_segment_reads_back_unchanged(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        full = a_dynamic_segment(RULES, tenant_id=tenant, id=segment.id, is_active=False)
        for value in (full, segment, evolve(segment, updated_at=later(microseconds=1))):
            await save_segment(storage, value)
            assert await get_segment(storage, segment) == value

    async def test_a_removed_segment_is_not_found(self, storage: Storage, tenant: str) -> None:
        old, other = await some_segments(storage, tenant, 2)
        await remove_segment(storage, old)
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [other]
            with pytest.raises(SegmentNotFound):
                await view.segments.get(old.id)

    async def test_a_waiter_for_a_segment_gets_the_value_its_holder_saved(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)
        renamed = evolve(segment, name="Renamed")

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.segments.get_for_update(segment.id)
                await pause()
                await tx.segments.save(renamed)

        async def wait() -> Segment:
            async with storage.transaction(tenant) as tx:
                return await tx.segments.get_for_update(segment.id)

        assert await overlap(hold, wait) == renamed

    async def test_a_waiter_for_a_segment_that_is_removed_does_not_find_it(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = await a_stored_segment(storage, tenant)

        async def hold(pause: Pause) -> None:
            async with storage.transaction(tenant) as tx:
                await tx.memberships.acquire_lock()
                await tx.segments.get_for_update(segment.id)
                await pause()
                await tx.segments.remove(segment.id)

        async def wait() -> None:
            async with storage.transaction(tenant) as tx:
                with pytest.raises(SegmentNotFound):
                    await tx.segments.get_for_update(segment.id)

        await overlap(hold, wait)


class SegmentNameContract:
    @pytest.mark.parametrize(("first", "second"), SAME_NAME)
    async def test_a_taken_name_is_neither_added_nor_saved(
        self, storage: Storage, tenant: str, first: str, second: str
    ) -> None:
        holder, other = a_segment(tenant_id=tenant, name=first), a_segment(tenant_id=tenant)
        await add_segments(storage, holder, other)
        with pytest.raises(SegmentNameTaken):
            await add_segments(storage, a_segment(tenant_id=tenant, name=second))
        with pytest.raises(SegmentNameTaken):
            await save_segment(storage, evolve(other, name=second))
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [other, holder]

    async def test_a_segment_can_change_the_case_of_its_name(
        self, storage: Storage, tenant: str
    ) -> None:
        segment = a_segment(tenant_id=tenant, name="vip")
        await add_segments(storage, segment)
        await save_segment(storage, shouted := evolve(segment, name="VIP"))
        assert await get_segment(storage, segment) == shouted

    async def test_a_name_is_free_after_its_segment_is_removed_or_renamed(
        self, storage: Storage, tenant: str
    ) -> None:
        old, mover = a_segment(tenant_id=tenant, name="a"), a_segment(tenant_id=tenant, name="b")
        await add_segments(storage, old, mover)
        await remove_segment(storage, old)
        await save_segment(storage, moved := evolve(mover, name="A"))
        await add_segments(storage, new := a_segment(tenant_id=tenant, name="B"))
        assert (await get_segment(storage, moved), await get_segment(storage, new)) == (moved, new)

    async def test_a_name_of_another_tenant_is_free(self, storage: Storage, tenant: str) -> None:
        await add_segments(storage, a_segment(tenant_id=a_tenant(), name="VIP"))
        await add_segments(storage, ours := a_segment(tenant_id=tenant, name="VIP"))
        assert await get_segment(storage, ours) == ours

    async def test_of_concurrent_adds_of_one_name_one_succeeds(
        self, storage: Storage, tenant: str
    ) -> None:
        rivals = [a_segment(tenant_id=tenant, name="VIP") for _ in range(6)]
        results = await asyncio.gather(
            *(add_segments(storage, rival) for rival in rivals), return_exceptions=True
        )
        assert [type(result) for result in results if result is not None] == [SegmentNameTaken] * 5
        async with storage.view(tenant) as view:
            assert list(await view.segments.all()) == [rivals[results.index(None)]]
