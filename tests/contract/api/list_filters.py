"""Every filter of the list of customers works, also combined with others and with cursors."""

from itertools import combinations
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order
from tests.support.builders import a_tenant

DAY, LATER = "2026-01-10T12:00:00Z", "2026-01-12T12:00:00Z"
ACCOUNT = "0190b2f0-0000-7000-8000-0000000000aa"
PEOPLE: list[dict[str, Any]] = [
    {"firstName": "Ann", "countryCode": "DE", "marketingOptIn": True, "tags": ["vip"]},
    {"firstName": "Bob", "countryCode": "fr", "userId": ACCOUNT, "customerType": "VIP"},
    {"firstName": "Cleo", "marketingOptIn": True, "userId": ACCOUNT.replace("aa", "bb")},
    {"firstName": "Dan", "countryCode": "DE"},
]
# What each filter keeps, by first name; `{segment}` is a segment of Ann and Dan.
EXPECTED: dict[str, str] = {
    "search=ann": "Ann",
    "status=INACTIVE": "",
    "status=active,BLOCKED": "Ann Bob Cleo Dan",
    "customer_type=vip": "Bob",
    "customerType=RETAIL": "Ann Cleo Dan",
    "tags=VIP": "Ann",
    "country_code=de": "Ann Dan",
    "countryCode=DE,FR": "Ann Bob Dan",
    "email=bob@example.test": "Bob",
    "email=BOB@EXAMPLE.TEST": "Bob",
    "email=nobody@example.test": "",
    "marketing_opt_in=true": "Ann Cleo",
    "marketing_opt_in=FALSE": "Bob Dan",
    "email_verified=false": "Ann Bob Cleo Dan",
    "email_verified=true": "",
    "has_account=true": "Bob Cleo",
    "hasAccount=false": "Ann Dan",
    "segment_id={segment}": "Ann Dan",
    "created_from=2999-01-01": "",
    "created_to=2999-01-01": "Ann Bob Cleo Dan",
    "updated_from=2999-01-01": "",
    "updated_to=2000-01-01": "",
    "last_order_from=2026-01-11": "Bob",
    "last_order_to=2026-01-11": "Ann",
    "last_order_from=2026-01-10&last_order_to=2026-01-12": "Ann Bob",
    "min_total_orders=1": "Ann Bob",
    "max_total_orders=0": "Cleo Dan",
    "min_total_orders=2": "Bob",
    "min_total_spent=10.01": "Bob",
    "max_total_spent=10": "Ann Cleo Dan",
    "deleted=exclude": "Ann Bob Cleo Dan",
    "deleted=ONLY": "",
    "deleted=include": "Ann Bob Cleo Dan",
}
BAD = [
    "country_code=DEU",
    "country_code=D1",
    "email=nobody",
    "marketing_opt_in=yes",
    "email_verified=1",
    "has_account=maybe",
    "segment_id=1",
    "updated_from=yesterday",
    "last_order_to=2026-02-30",
    "min_total_orders=-1",
    "max_total_orders=1.5",
    "deleted=true",
    "marketing_opt_in=true&marketing_opt_in=false",
]


async def a_crowd(api: Api) -> str:
    """Registers the people, with their orders; returns the id of the segment of Ann and Dan."""
    ids = {}
    for person in PEOPLE:
        email = f"{person['firstName'].lower()}@example.test"
        ids[person["firstName"]] = (await a_customer(api, email=email, **person))["id"]
        api.clock.forward(seconds=1)
    await an_order(api, f"/customers/{ids['Ann']}", "a", 10, orderDate=DAY)
    for order in ("b", "c"):
        await an_order(api, f"/customers/{ids['Bob']}", order, 20, orderDate=LATER)
    segment = (await api.post("/customers/segments", {"name": "Some"})).body["id"]
    members = {"customerIds": [ids["Ann"], ids["Dan"]]}
    await api.post(f"/customers/segments/{segment}/customers", members)
    return str(segment)


async def names(api: Api, path: str) -> list[str]:
    """The first names in the page at a path, sorted; asserts that the total is their number."""
    body = (await api.get(path)).body
    assert body["total"] == len(body["customers"])
    return sorted(customer["firstName"] for customer in body["customers"])


async def names_by_cursor(api: Api, path: str) -> list[str]:
    """The first names in all pages by cursor, two customers at a time, sorted."""
    names_so_far: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = (await api.get(f"{path}&page_size=2&cursor={cursor}")).body
        names_so_far += [customer["firstName"] for customer in body["customers"]]
        cursor = body["nextCursor"]
    return sorted(names_so_far)


class ListFilterContract:
    async def test_every_filter_keeps_whom_it_says(self, api: Api) -> None:
        segment = await a_crowd(api)
        for query, expected in EXPECTED.items():
            path = f"/customers?{query.format(segment=segment)}"
            assert await names(api, path) == expected.split(), query
            assert await names_by_cursor(api, path) == expected.split(), query

    async def test_two_filters_keep_whom_both_keep(self, api: Api) -> None:
        segment = await a_crowd(api)
        for (one, expected), (other, also) in combinations(EXPECTED.items(), 2):
            spelled = [part.partition("=")[0] for part in f"{one}&{other}".split("&")]
            if len({name.replace("_", "").lower() for name in spelled}) == len(spelled):
                path = f"/customers?{one}&{other}".format(segment=segment)
                both = sorted({*expected.split()} & {*also.split()})
                assert await names(api, path) == both, (one, other)

    async def test_members_of_a_segment_take_the_same_filters(self, api: Api) -> None:
        segment = await a_crowd(api)
        path = f"/customers/segments/{segment}/customers?page=1"
        for query, expected in EXPECTED.items():
            if not query.startswith("segment_id"):
                members = sorted({*expected.split()} & {"Ann", "Dan"})
                assert await names(api, f"{path}&{query}") == members, query
        refused = await api.get(f"{path}&segment_id={segment}")
        assert refused.code == "UNKNOWN_PARAMETER"

    async def test_members_of_a_segment_by_rule_take_the_same_filters(self, api: Api) -> None:
        await a_crowd(api)
        rules = [{"field": "total_orders", "operator": "gte", "value": 1}]
        segment = (await api.post("/customers/segments", {"name": "R", "rules": rules})).body["id"]
        path = f"/customers/segments/{segment}/customers"
        assert await names(api, f"{path}?country_code=FR&page=1") == ["Bob"]
        assert await names(api, f"/customers?segment_id={segment}&marketing_opt_in=true") == ["Ann"]
        assert await names_by_cursor(api, f"{path}?has_account=true") == ["Bob"]

    async def test_an_unknown_segment_is_not_found(self, api: Api) -> None:
        await a_crowd(api)
        for query in (f"segment_id={ACCOUNT}", f"segment_id={ACCOUNT}&cursor="):
            assert (await api.get(f"/customers?{query}")).error == (404, "SEGMENT_NOT_FOUND")

    async def test_a_segment_of_another_tenant_is_not_found(self, api: Api) -> None:
        segment, other = await a_crowd(api), api.of_tenant(a_tenant())
        answer = await other.get(f"/customers?segment_id={segment}")
        assert answer.error == (404, "SEGMENT_NOT_FOUND")

    @pytest.mark.parametrize("query", BAD)
    async def test_a_bad_value_is_refused(self, api: Api, query: str) -> None:
        answer = await api.get(f"/customers?{query}")
        assert (answer.status, answer.fields) == (400, {query.partition("=")[0]})

    async def test_a_cursor_belongs_to_its_filters(self, api: Api) -> None:
        segment = await a_crowd(api)
        query = f"segment_id={segment}&country_code=DE&page_size=1"
        cursor = (await api.get(f"/customers?{query}&cursor=")).body["nextCursor"]
        assert (await api.get(f"/customers?{query}&cursor={cursor}")).status == 200
        for other in ("country_code=DE", f"segment_id={segment}", "marketing_opt_in=true"):
            answer = await api.get(f"/customers?{other}&page_size=1&cursor={cursor}")
            assert (answer.status, answer.fields) == (400, {"cursor"})
