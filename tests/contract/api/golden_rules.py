"""The golden vectors of the rule language, over HTTP: tried, published, and refused.

The customers go straight into the storage, since not all of them could be made by calls.
"""

from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from customers.core.ports.storage import Storage
from tests.contract.api.previews import PREVIEW
from tests.contract.api.segments import SEGMENTS
from tests.contract.api.steps import a_segment, members
from tests.contract.steps import add_customers
from tests.support.api_client import Api
from tests.support.golden_rules import CUSTOMERS, NOW, REFUSALS, VECTORS, Refusal

NAMES = {str(customer.id): name for name, customer in CUSTOMERS.items()}
# Each takes a segment of its own, so not all of them are published, and fewer explained.
PUBLISHED = VECTORS[::8]
EXPLAINED = VECTORS[4::40]


async def golden_customers(api: Api, storage: Storage) -> None:
    """Keeps the golden customers, and makes it their moment."""
    await add_customers(
        storage, *(evolve(customer, tenant_id=api.tenant) for customer in CUSTOMERS.values())
    )
    api.clock.moment = NOW


def names(ids: list[str]) -> set[str]:
    assert len(set(ids)) == len(ids)
    return {NAMES[str(UUID(customer_id))] for customer_id in ids}


class GoldenRulesContract:
    async def test_a_rule_that_is_tried_matches_exactly_its_members(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in VECTORS:
            found = (await api.post(PREVIEW, {"rules": vector.rule, "sample": 100})).body
            assert names([customer["id"] for customer in found["sample"]]) == vector.members, vector
            assert found["count"] == len(vector.members), vector

    async def test_a_rule_that_is_published_has_exactly_its_members(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in PUBLISHED:
            segment = await a_segment(api, isDynamic=True, rules=vector.rule)
            assert names(await members(api, segment)) == vector.members, vector
            assert segment["customerCount"] == len(vector.members), vector

    async def test_what_a_rule_says_of_each_customer_is_explained(
        self, api: Api, storage: Storage
    ) -> None:
        await golden_customers(api, storage)
        for vector in EXPLAINED:
            segment = await a_segment(api, isDynamic=True, rules=vector.rule)
            for customer_id, name in NAMES.items():
                path = f"{SEGMENTS}/{segment['id']}/customers/{customer_id}/explain"
                told = (await api.get(path)).body
                assert told["member"] is (name in vector.members), (vector, name)
                assert told["tree"]["matches"] is told["member"], (vector, name)

    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
    async def test_a_bad_rule_is_refused_at_each_offending_place(
        self, api: Api, refusal: Refusal
    ) -> None:
        body: dict[str, Any] = {"name": "Big", "isDynamic": True, "rules": refusal.rule}
        for path in (PREVIEW, SEGMENTS):
            answer = await api.post(path, body)
            assert answer.status == 400
            for place in refusal.places:
                found = [f"{pointer}/" for pointer in answer.pointers]
                assert any(pointer.startswith(f"/rules{place}/") for pointer in found), answer
        assert (await api.get(SEGMENTS)).body == []
