"""Members of manual and dynamic segments, and their lists."""

import pytest

from tests.contract.api.segments import SEGMENTS
from tests.support.api_client import Api
from tests.support.api_steps import (
    BIG_SPENDERS,
    a_customer,
    a_segment,
    an_order,
    an_unknown_id,
    assign,
    customer_path,
    id_of,
    members,
    new_customer,
    segment_path,
)


class ManualMembersContract:
    async def test_members_are_added_removed_and_counted(self, api: Api) -> None:
        segment = await a_segment(api)
        one, other = await a_customer(api), await a_customer(api)
        path = f"{segment_path(segment)}/customers"
        added = await assign(api, segment, one, other, one)
        message = "customers added to segment"
        assert (added.status, added.body) == (200, {"message": message, "added": 2})
        assert (await assign(api, segment, one)).body == {"message": message, "added": 0}
        removed = await api.delete(path, {"customerIds": [one["id"].upper()]})
        message = "customers removed from segment"
        assert (removed.status, removed.body) == (200, {"message": message, "removed": 1})
        again = await api.delete(path, {"customerIds": [one["id"]]})
        assert again.body["removed"] == 0
        assert await members(api, segment) == [other["id"]]
        body = (await api.get(segment_path(segment))).body
        assert (body["customerCount"], body["memberCount"]) == (1, 1)

    async def test_an_unknown_customer_fails_the_request(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        deleted = await a_customer(api)
        await api.delete(f"/customers/{deleted['id']}")
        for unknown in (an_unknown_id(), deleted["id"]):
            answer = await assign(api, segment, customer, {"id": unknown})
            assert answer.status == 400
        assert await members(api, segment) == []

    @pytest.mark.parametrize("count", [0, 1001])
    async def test_a_request_has_one_to_a_thousand_customer_ids(self, api: Api, count: int) -> None:
        segment = await a_segment(api)
        ids = {"customerIds": [an_unknown_id() for _ in range(count)]}
        for method in ("POST", "DELETE"):
            path = f"{segment_path(segment)}/customers"
            answer = await api.send(method, path, ids)
            assert (answer.status, answer.pointers) == (400, {"/customerIds"})

    async def test_members_of_a_dynamic_segment_cannot_be_assigned(self, api: Api) -> None:
        segment, customer = await a_segment(api, isDynamic=True), await a_customer(api)
        ids = {"customerIds": [customer["id"]]}
        for method in ("POST", "DELETE"):
            answer = await api.send(method, f"{segment_path(segment)}/customers", ids)
            assert answer.error == (409, "SEGMENT_IS_DYNAMIC")

    async def test_deleted_customers_leave_and_restored_ones_return(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await assign(api, segment, customer)
        await api.delete(f"/customers/{customer['id']}")
        assert await members(api, segment) == []
        assert (await api.get(SEGMENTS)).body[0]["customerCount"] == 0
        await api.post(f"/customers/{customer['id']}/restore")
        assert await members(api, segment) == [customer["id"]]

    async def test_an_inactive_segment_shows_nobody_until_it_is_active(self, api: Api) -> None:
        segment, customer = await a_segment(api), await a_customer(api)
        await assign(api, segment, customer)
        path = segment_path(segment)
        assert (await api.put(path, {"isActive": False})).body["customerCount"] == 0
        assert await members(api, segment) == []
        assert (await api.get(f"/customers/{customer['id']}/segments")).body == []
        assert (await api.put(path, {"isActive": True})).body["customerCount"] == 1
        assert await members(api, segment) == [customer["id"]]


class DynamicMembersContract:
    async def test_members_follow_changes_of_customers(self, api: Api) -> None:
        segment = await a_segment(api, rules=BIG_SPENDERS)
        customer = await customer_path(api)
        await an_order(api, customer, "o-1", 1000)
        assert await members(api, segment) == []
        await an_order(api, customer, "o-2", "0.01")
        assert await members(api, segment) == [id_of(customer)]
        assert [
            shown_segment["id"] for shown_segment in (await api.get(f"{customer}/segments")).body
        ] == [segment["id"]]
        assert (await api.get(SEGMENTS)).body[0]["customerCount"] == 1
        await api.post(f"{customer}/orders/o-2/cancel")
        assert await members(api, segment) == []

    async def test_members_follow_the_rule(self, api: Api) -> None:
        customer = await a_customer(api, tags=["vip"])
        segment = await a_segment(api, isDynamic=True)
        assert await members(api, segment) == []
        rules = [{"field": "tags", "operator": "contains", "value": "VIP"}]
        answer = await api.put(segment_path(segment), {"rules": rules})
        assert answer.body["customerCount"] == 1
        assert await members(api, segment) == [customer["id"]]
        await api.put(segment_path(segment), {"isActive": False})
        assert await members(api, segment) == []

    async def test_members_follow_time_alone(self, api: Api) -> None:
        rules = [{"field": "days_since_created", "operator": "gte", "value": 2}]
        segment, customer = await a_segment(api, rules=rules), await a_customer(api)
        api.clock.forward(days=2, microseconds=-1)
        assert await members(api, segment) == []
        api.clock.forward(microseconds=1)
        assert await members(api, segment) == [customer["id"]]

    async def test_a_segment_made_manual_keeps_its_members_until_made_dynamic(
        self, api: Api
    ) -> None:
        rules = [{"field": "tags", "operator": "contains", "value": "vip"}]
        segment = await a_segment(api, rules=rules)
        one, other = await a_customer(api, tags=["vip"]), await a_customer(api)
        path = segment_path(segment)
        await api.put(path, {"isDynamic": False})
        await api.put(f"/customers/{one['id']}", {"tags": []})
        assert await members(api, segment) == [one["id"]]
        await assign(api, segment, other)
        await api.put(path, {"isDynamic": True})
        assert await members(api, segment) == []


class MemberListContract:
    async def a_group(self, api: Api, size: int) -> tuple[str, list[str]]:
        """The path of a new segment's members, and their ids, newest customer first."""
        segment, customers = await a_segment(api), []
        for number in range(size):
            body = new_customer(firstName=f"{9 - number}")
            customers.append((await api.post("/customers", body)).body)
            api.clock.forward(seconds=1)
        await assign(api, segment, *customers)
        await a_customer(api)
        path = f"{segment_path(segment)}/customers"
        return path, [customer["id"] for customer in reversed(customers)]

    async def test_members_are_listed_newest_customer_first(self, api: Api) -> None:
        path, ids = await self.a_group(api, 3)
        listed = (await api.get(path)).body
        assert [customer["id"] for customer in listed] == ids
        assert listed[0] == (await api.get(f"/customers/{ids[0]}")).body

    @pytest.mark.parametrize(
        "query", ["page=1", "page_size=20", "sort_by=created_at", "sort_order=desc", "limit=20"]
    )
    async def test_with_a_list_parameter_members_have_the_envelope_of_a_list(
        self, api: Api, query: str
    ) -> None:
        path, ids = await self.a_group(api, 3)
        body = (await api.get(f"{path}?{query}")).body
        assert [customer["id"] for customer in body["customers"]] == ids
        assert (body["total"], body["page"], body["pagination"]["limit"]) == (3, 1, 20)

    async def test_members_can_be_paged_and_sorted(self, api: Api) -> None:
        path, ids = await self.a_group(api, 5)
        answer = await api.get(f"{path}?page=2&page_size=2&sort_by=first_name")
        assert [customer["id"] for customer in answer.body["customers"]] == ids[::-1][2:4]
        assert (answer.body["total"], answer.body["totalPages"]) == (5, 3)
        following = await api.get(answer.link("next") or "")
        assert [customer["id"] for customer in following.body["customers"]] == ids[::-1][4:]

    async def test_members_can_be_paged_by_cursor(self, api: Api) -> None:
        path, ids = await self.a_group(api, 5)
        first = (await api.get(f"{path}?page_size=3&cursor=")).body
        last = (await api.get(f"{path}?page_size=3&cursor={first['nextCursor']}")).body
        assert [customer["id"] for customer in first["customers"] + last["customers"]] == ids
        assert last["nextCursor"] is None

    async def test_bad_list_parameters_of_members_are_refused(self, api: Api) -> None:
        path, _ = await self.a_group(api, 1)
        for query in ("page=0", "page_size=x", "sort_by=age", "sort_order=up", "cursor=x"):
            answer = await api.get(f"{path}?{query}")
            assert (answer.status, answer.fields) == (400, {query.partition("=")[0]})

    async def test_an_unknown_segment_has_no_members(self, api: Api) -> None:
        path = f"{SEGMENTS}/{an_unknown_id()}/customers"
        for query in ("", "?page=1", "?cursor="):
            assert (await api.get(path + query)).status == 404
        ids = {"customerIds": [(await a_customer(api))["id"]]}
        assert (await api.post(path, ids)).status == 404
        assert (await api.delete(path, ids)).status == 404
