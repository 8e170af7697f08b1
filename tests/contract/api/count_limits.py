"""The limits of payment methods per customer and segments per tenant, and pages of segments."""

import asyncio

from customers.core.model.segment import MAX_SEGMENTS
from customers.core.ports.storage import Storage
from tests.contract.api.payment_methods import methods
from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import (
    a_method,
    a_segment,
    customer_path,
    new_method,
    segment_path,
)
from tests.support.builders import a_segment as a_stored_segment
from tests.support.storage_steps import add_segments

LAST = {"name": "The last one"}


class PaymentMethodLimitContract:
    async def test_a_customer_has_at_most_fifty_payment_methods(self, api: Api) -> None:
        path = methods(await customer_path(api))
        bodies = [new_method() for _ in range(50)]
        stored = [(await api.post(path, body)).body for body in bodies]
        assert (await api.post(path, new_method())).error == (400, "PAYMENT_METHOD_LIMIT_EXCEEDED")
        assert (await api.post(path, bodies[7])).status == 200
        await api.delete(f"{path}/{stored[3]['id']}")
        assert (await api.post(path, new_method())).status == 201

    async def test_concurrent_requests_store_at_most_fifty_payment_methods(self, api: Api) -> None:
        customer = await customer_path(api)
        for _ in range(45):
            await a_method(api, customer)
        adding = [api.post(methods(customer), new_method()) for _ in range(9)]
        answers = await asyncio.gather(*adding)
        assert sorted(answer.status for answer in answers) == [201] * 5 + [400] * 4
        assert len((await api.get(methods(customer))).body) == 50


class SegmentLimitContract:
    async def test_a_tenant_has_at_most_five_hundred_segments(
        self, api: Api, storage: Storage, tenant: str
    ) -> None:
        stored = [a_stored_segment(tenant_id=tenant) for _ in range(MAX_SEGMENTS - 1)]
        await add_segments(storage, *stored)
        last = await a_segment(api, name="One more")
        assert (await api.post(SEGMENTS, LAST)).error == (400, "SEGMENT_LIMIT_EXCEEDED")
        assert (await api.put(segment_path(last), LAST)).status == 200
        await api.delete(segment_path(last))
        assert (await api.post(SEGMENTS, LAST)).status == 201
        answer = await api.get(SEGMENTS)
        assert (len(answer.body), answer.link("next")) == (MAX_SEGMENTS, None)

    async def test_concurrent_requests_store_at_most_five_hundred_segments(
        self, api: Api, storage: Storage, tenant: str
    ) -> None:
        stored = [a_stored_segment(tenant_id=tenant) for _ in range(MAX_SEGMENTS - 2)]
        await add_segments(storage, *stored)
        adding = [api.post(SEGMENTS, {"name": f"Late {number}"}) for number in range(6)]
        answers = await asyncio.gather(*adding)
        assert sorted(answer.status for answer in answers) == [201] * 2 + [400] * 4


class SegmentPageContract:
    async def test_next_links_lead_to_every_segment_once_newest_first(self, api: Api) -> None:
        for number in range(7):
            await a_segment(api)
            api.clock.forward(seconds=0 if number < 3 else 1)
        everything = (await api.get(SEGMENTS)).body
        walked, link = [], f"{SEGMENTS}?limit=2"
        while link:
            answer = await api.get(link)
            assert len(answer.body) <= 2
            walked += answer.body
            link = answer.link("next") or ""
        assert (len(everything), walked) == (7, everything)

    async def test_a_bad_limit_or_cursor_is_refused_and_other_parameters_are_ignored(
        self, api: Api
    ) -> None:
        await a_segment(api)
        for name, value in (("limit", "0"), ("limit", "x"), ("cursor", "x")):
            answer = await api.get(f"{SEGMENTS}?{name}={value}")
            assert (answer.status, answer.fields) == (400, {name})
        assert len((await api.get(f"{SEGMENTS}?limit=501&statuss=1")).body) == 1
