"""The list of customers: filters, sort fields and numbered pages."""

from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order, customer_path

BAD_QUERIES = [
    "page=0",
    "page=-1",
    "page=x",
    "page=1.5",
    "page=1e1",
    "page=%D9%A1",
    "page_size=0",
    "page_size=x",
    "limit=-5",
    "sort_by=age",
    "sort_by=id",
    "sort_order=up",
    "status=GONE",
    "status=ACTIVE,GONE",
    "customer_type=GOLD",
    "created_from=yesterday",
    "created_to=2026-01-01T00:00:00",
    "created_from=2026-02-30",
    "min_total_spent=x",
    "min_total_spent=-5",
    "max_total_spent=33.331",
    "max_total_spent=NaN",
    "cursor=x",
    "cursor=%00",
    "page=1&page=2",
    "search=a&search=b",
    "page_size=5&limit=6",
]
PEOPLE = [
    ("ann@example.test", "Ann", "Lee", {"phone": "+1 555 0100", "tags": ["VIP", "new"]}),
    ("bob+shop@example.test", "Bob", "Straße", {"customerType": "VIP", "tags": ["vip"]}),
    ("cy%_@example.test", "Cy", "100%", {"customerType": "WHOLESALE", "tags": ["a,b"]}),
]
SEARCHES = [
    ("ann", "ann"),
    ("ANN", "ann"),
    ("EXAMPLE.TEST", "ann bob+shop cy%_"),
    ("lee", "ann"),
    ("ann%20lee", "ann"),
    ("Ann%20%20Lee", "ann"),
    ("n%20l", "ann"),
    ("555", "ann"),
    ("strasse", "bob+shop"),
    ("STRA%C3%9FE", "bob+shop"),
    ("bob+shop@example.test", "bob+shop"),
    ("bob%2Bshop@example.test", "bob+shop"),
    ("bob%20shop@", "bob+shop"),
    ("bob%20shop", ""),
    ("%25", "cy%_"),
    ("_", "cy%_"),
    ("100%25", "cy%_"),
    ("y%25_", "cy%_"),
    ("%5C", ""),
    ("zzz", ""),
    ("%20%20", "ann bob+shop cy%_"),
]
FILTERS = [
    ("customer_type=vip", "bob+shop"),
    ("customer_type=VIP,retail", "ann bob+shop"),
    ("status=active", "ann bob+shop cy%_"),
    ("status=BLOCKED", ""),
    ("status=ACTIVE,BLOCKED", "ann bob+shop cy%_"),
    ("tags=vip", "ann bob+shop"),
    ("tags=vip,NEW", "ann"),
    ("tags=vip,gone", ""),
    ("min_total_spent=20", "bob+shop"),
    ("min_total_spent=20.000000000000004", "bob+shop"),
    ("max_total_spent=19.999999999999996", "ann bob+shop cy%_"),
    ("max_total_spent=1e25", "ann bob+shop cy%_"),
    ("max_total_spent=20", "ann bob+shop cy%_"),
    ("max_total_spent=19.99", "ann cy%_"),
    ("min_total_spent=0&max_total_spent=0", "ann cy%_"),
    ("created_from=2026-01-15T09:01:00Z", "bob+shop cy%_"),
    ("created_to=2026-01-15T09:01:00Z", "ann bob+shop"),
    ("created_from=2026-01-15&created_to=2026-01-15", "ann bob+shop cy%_"),
    ("created_to=2026-01-14", ""),
    ("search=e&tags=vip&customer_type=vip&status=active", "bob+shop"),
]
SORTED = [
    ("", "cy%_ bob+shop ann"),
    ("sort_order=asc", "ann bob+shop cy%_"),
    ("sort_by=email", "cy%_ bob+shop ann"),
    ("sort_by=first_name&sort_order=ASC", "ann bob+shop cy%_"),
    ("sort_by=last_name&sort_order=asc", "cy%_ ann bob+shop"),
    ("sort_by=total_spent", "bob+shop cy%_ ann"),
    ("sort_by=last_order_date&sort_order=asc", "bob+shop ann cy%_"),
    ("sort_by=last_order_date", "bob+shop"),
]


async def add_people(api: Api) -> None:
    """Adds three customers, a minute apart; the second spent 20."""
    for email, first, last, fields in PEOPLE:
        person = await customer_path(api, email=email, firstName=first, lastName=last, **fields)
        if first == "Bob":
            await an_order(api, person, "o-1", 20)
        api.clock.forward(minutes=1)


def names(body: dict[str, Any]) -> list[str]:
    """The local parts of the listed e-mail addresses."""
    return [customer["email"].partition("@")[0] for customer in body["customers"]]


async def a_crowd(api: Api, size: int) -> list[str]:
    """The ids of customers created at the same time, in list order."""
    for _ in range(size):
        await a_customer(api)
    return [
        customer["id"] for customer in (await api.get("/customers?page_size=100")).body["customers"]
    ]


class CustomerFilterContract:
    async def test_a_search_finds_customers_that_contain_it(self, api: Api) -> None:
        await add_people(api)
        for search, expected in SEARCHES:
            answer = await api.get(f"/customers?search={search}&sort_order=asc")
            assert names(answer.body) == expected.split(), search
            assert answer.body["total"] == len(expected.split())

    async def test_filters_return_customers_that_meet_all_of_them(self, api: Api) -> None:
        await add_people(api)
        for query, expected in FILTERS:
            answer = await api.get(f"/customers?{query}&sort_order=asc")
            assert names(answer.body) == expected.split(), query
            assert answer.body["total"] == len(expected.split())

    async def test_blocked_customers_are_found_by_status(self, api: Api) -> None:
        await add_people(api)
        customer = (await api.get("/customers")).body["customers"][0]
        await api.put(f"/customers/{customer['id']}", {"status": "BLOCKED"})
        blocked = (await api.get("/customers?status=blocked")).body
        assert [customer["id"] for customer in blocked["customers"]] == [customer["id"]]
        assert (await api.get("/customers?status=active")).body["total"] == 2

    async def test_lists_are_sorted_by_the_named_field(self, api: Api) -> None:
        await add_people(api)
        for query, expected in SORTED:
            listed = names((await api.get(f"/customers?{query}")).body)
            first = expected.split()
            assert listed[: len(first)] == first or "date" in query, query
            assert listed[0] == first[0], query

    @pytest.mark.parametrize("query", BAD_QUERIES)
    async def test_a_bad_query_parameter_is_refused_by_name(self, api: Api, query: str) -> None:
        answer = await api.get(f"/customers?{query}")
        assert answer.status == 400
        assert answer.fields <= {part.partition("=")[0] for part in query.split("&")}
        assert (len(answer.fields), answer.pointers) == (1, set())

    async def test_every_bad_query_parameter_is_reported_at_once(self, api: Api) -> None:
        query = "page=0&page_size=x&sort_by=age&sort_order=up&status=GONE&created_from=x"
        answer = await api.get(f"/customers?{query}&min_total_spent=x")
        assert answer.fields == {part.partition("=")[0] for part in query.split("&")} | {
            "min_total_spent"
        }


class CustomerPageContract:
    async def test_a_page_has_its_envelope(self, api: Api) -> None:
        ids = await a_crowd(api, 5)
        body = (await api.get("/customers?page=2&page_size=2")).body
        assert [customer["id"] for customer in body.pop("customers")] == ids[2:4]
        numbers = {"page": 2, "total": 5, "totalPages": 3}
        pagination = numbers | {"limit": 2, "hasNext": True, "hasPrevious": True}
        assert body == numbers | {"pageSize": 2, "pagination": pagination}

    async def test_a_page_has_twenty_customers_by_default(self, api: Api) -> None:
        await a_crowd(api, 21)
        body = (await api.get("/customers")).body
        assert (len(body["customers"]), body["pageSize"], body["totalPages"]) == (20, 20, 2)

    async def test_a_page_size_over_a_hundred_means_a_hundred(self, api: Api) -> None:
        for size in ("101", "1000", "99999999999999999999"):
            body = (await api.get(f"/customers?page_size={size}")).body
            assert (body["pageSize"], body["pagination"]["limit"]) == (100, 100)

    async def test_a_page_past_the_end_is_empty(self, api: Api) -> None:
        await a_crowd(api, 3)
        for page in ("2", "1000000", "99999999999999999999"):
            body = (await api.get(f"/customers?page={page}&page_size=5")).body
            assert (body["customers"], body["total"], body["totalPages"]) == ([], 3, 1)
            assert body["pagination"]["hasNext"] is False

    async def test_an_empty_list_has_no_pages(self, api: Api) -> None:
        body = (await api.get("/customers")).body
        assert (body["customers"], body["total"], body["totalPages"]) == ([], 0, 0)
        assert (body["pagination"]["hasNext"], body["pagination"]["hasPrevious"]) == (False, False)

    async def test_a_page_shows_customers_without_their_parts(self, api: Api) -> None:
        customer = await a_customer(api)
        assert (await api.get("/customers")).body["customers"] == [customer]

    @pytest.mark.parametrize("order", ["created_at", "first_name", "last_order_date"])
    async def test_pages_neither_skip_nor_repeat_equal_customers(
        self, api: Api, order: str
    ) -> None:
        ids = set(await a_crowd(api, 7))
        pages = [
            (await api.get(f"/customers?sort_by={order}&page_size=3&page={page}")).body["customers"]
            for page in (1, 2, 3)
        ]
        assert sorted(customer["id"] for page in pages for customer in page) == sorted(ids)

    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_missing_dates_come_last_in_both_orders(self, api: Api, order: str) -> None:
        paths = [await customer_path(api) for _ in range(4)]
        await an_order(api, paths[1], "o-1", 1, orderDate="2025-01-01T00:00:00Z")
        await an_order(api, paths[3], "o-2", 1, orderDate="2025-01-02T00:00:00Z")
        listed = await api.get(f"/customers?sort_by=last_order_date&sort_order={order}")
        dates = [customer["lastOrderDate"] for customer in listed.body["customers"]]
        assert dates[:2] == sorted(dates[:2], reverse=order == "desc")
        assert dates[2:] == [None, None]
