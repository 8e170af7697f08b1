"""The golden vectors of the rule language over HTTP: previewed, published and refused.

The customers are added to the storage directly, since not all of them can be created by calls.
"""

from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from customers.core.ports.storage import Storage
from tests.contract.api.previews import PREVIEW
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import a_segment, members, segment_path
from tests.support.golden_rules import CUSTOMERS, NOW, REFUSALS, VECTORS, Refusal
from tests.support.storage_steps import add_customers

NAMES = {str(customer.id): name for name, customer in CUSTOMERS.items()}
# Each vector needs a segment of its own, so only some are published and fewer explained.
PUBLISHED = VECTORS[::8]
EXPLAINED = VECTORS[4::40]


async def golden_customers(api: Api, storage: Storage) -> None:
    """Stores the golden customers and sets the clock to their time."""
    await add_customers(
        storage, *(evolve(customer, tenant_id=api.tenant) for customer in CUSTOMERS.values())
    )
    api.clock.moment = NOW


def names(ids: list[str]) -> set[str]:
    assert len(set(ids)) == len(ids)
    return {NAMES[str(UUID(customer_id))] for customer_id in ids}


class GoldenRulesContract:
    async def test_a_previewed_rule_matches_exactly_its_members(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in VECTORS:
            preview = (await api.post(PREVIEW, {"rules": vector.rule, "sample": 100})).body
            assert names([customer["id"] for customer in preview["sample"]]) == vector.members, (
                vector
            )
            assert preview["count"] == len(vector.members), vector

    async def test_a_published_rule_has_exactly_its_members(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in PUBLISHED:
            segment = await a_segment(api, isDynamic=True, rules=vector.rule)
            assert names(await members(api, segment)) == vector.members, vector
            assert segment["customerCount"] == len(vector.members), vector

    async def test_the_verdict_of_a_rule_is_explained_for_each_customer(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in EXPLAINED:
            segment = await a_segment(api, isDynamic=True, rules=vector.rule)
            for customer_id, name in NAMES.items():
                path = f"{segment_path(segment)}/customers/{customer_id}/explain"
                explanation = (await api.get(path)).body
                assert explanation["member"] is (name in vector.members), (vector, name)
                assert explanation["tree"]["matches"] is explanation["member"], (vector, name)

    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
    async def test_a_bad_rule_is_refused_with_a_pointer_to_each_problem(
        self, api: Api, refusal: Refusal
    ) -> None:
        body: dict[str, Any] = {"name": "Big", "isDynamic": True, "rules": refusal.rule}
        for path in (PREVIEW, SEGMENTS):
            answer = await api.post(path, body)
            assert answer.status == 400
            for location in refusal.locations:
                pointers = [f"{pointer}/" for pointer in answer.pointers]
                assert any(pointer.startswith(f"/rules{location}/") for pointer in pointers), answer
        assert (await api.get(SEGMENTS)).body == []
