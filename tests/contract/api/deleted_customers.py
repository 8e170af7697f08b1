"""Lists of deleted customers, alone and among the others."""

from itertools import product
from typing import Any

from tests.contract.api.list_filters import a_crowd, names, names_by_cursor
from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order

SORTS = ("created_at", "email", "total_orders", "last_order_date", "first_order_date")


async def a_crowd_with_deleted(api: Api) -> str:
    """Adds the crowd of `list_filters`, then Eve and Fred, who are deleted, and Gus, who is erased;
    returns the id of the segment of Ann, Dan and Eve.
    """
    segment = await a_crowd(api)
    ids = {}
    for name, country in (("Eve", "DE"), ("Fred", "FR"), ("Gus", "DE")):
        email = f"{name.lower()}@example.test"
        person = await a_customer(api, email=email, firstName=name, countryCode=country)
        ids[name] = person["id"]
        api.clock.forward(seconds=1)
    await an_order(api, f"/customers/{ids['Eve']}", "eve", 5, orderDate="2026-01-11T00:00:00Z")
    path = f"/customers/segments/{segment}/customers"
    await api.post(path, {"customerIds": [ids["Eve"]]})
    for name in ("Eve", "Fred"):
        await api.delete(f"/customers/{ids[name]}")
    await api.delete(f"/customers/{ids['Gus']}?mode=erase")
    return segment


async def walked(api: Api, query: str) -> list[dict[str, Any]]:
    """The customers of all pages by cursor, two at a time."""
    customers: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        body = (await api.get(f"/customers?{query}&page_size=2&cursor={cursor}")).body
        customers += body["customers"]
        cursor = body["nextCursor"]
    return customers


async def paged(api: Api, query: str) -> list[dict[str, Any]]:
    """The customers of all pages by number, two at a time; asserts that the total is right."""
    customers: list[dict[str, Any]] = []
    number, pages, total = 0, 1, 0
    while number < pages:
        number += 1
        body = (await api.get(f"/customers?{query}&page_size=2&page={number}")).body
        customers += body["customers"]
        pages, total = body["totalPages"], body["total"]
    assert len(customers) == total
    return customers


class DeletedCustomersContract:
    async def test_deleted_customers_are_listed_where_they_are_asked_for(self, api: Api) -> None:
        await a_crowd_with_deleted(api)
        expected = {
            "deleted=exclude": "Ann Bob Cleo Dan",
            "deleted=only": "Eve Fred",
            "deleted=include": "Ann Bob Cleo Dan Eve Fred",
            "deleted=only&country_code=DE": "Eve",
            "deleted=include&country_code=DE": "Ann Dan Eve",
            "deleted=include&search=e": "Ann Bob Cleo Dan Eve Fred",
            "deleted=only&search=red": "Fred",
            "deleted=only&search=eve@example": "Eve",
            "deleted=include&search=eve@example": "Eve",
            "deleted=only&min_total_orders=1": "Eve",
            "deleted=include&last_order_from=2026-01-11": "Bob Eve",
            "deleted=only&email=eve@example.test": "Eve",
        }
        for query, people in expected.items():
            assert await names(api, f"/customers?{query}") == people.split(), query
            assert await names_by_cursor(api, f"/customers?{query}") == people.split(), query

    async def test_only_deleted_customers_show_when_they_were_deleted(self, api: Api) -> None:
        await a_crowd_with_deleted(api)
        body = (await api.get("/customers?deleted=include")).body
        shown = {customer["firstName"] for customer in body["customers"] if "deletedAt" in customer}
        assert shown == {"Eve", "Fred"}

    async def test_a_restored_customer_is_no_longer_among_the_deleted(self, api: Api) -> None:
        await a_crowd_with_deleted(api)
        [eve, fred] = (
            await api.get("/customers?deleted=only&sort_by=first_name&sort_order=asc")
        ).body["customers"]
        restored = (await api.post(f"/customers/{eve['id']}/restore")).body
        assert "deletedAt" not in restored
        assert await names(api, "/customers?deleted=only") == [fred["firstName"]]

    async def test_every_sort_has_the_same_order_by_page_and_by_cursor(self, api: Api) -> None:
        await a_crowd_with_deleted(api)
        for deleted, sort, order in product(("only", "include"), SORTS, ("asc", "desc")):
            query = f"deleted={deleted}&sort_by={sort}&sort_order={order}"
            assert await walked(api, query) == await paged(api, query), query

    async def test_a_segment_has_no_deleted_members(self, api: Api) -> None:
        segment = await a_crowd_with_deleted(api)
        rules = [{"field": "country_code", "operator": "equals", "value": "DE"}]
        germans = (await api.post("/customers/segments", {"name": "DE", "rules": rules})).body["id"]
        for id in (segment, germans):
            for list in (f"/customers/segments/{id}/customers?", f"/customers?segment_id={id}&"):
                assert await names(api, f"{list}deleted=include") == ["Ann", "Dan"]
                assert await names(api, f"{list}deleted=only") == []
                assert await names_by_cursor(api, f"{list}deleted=only") == []

    async def test_a_cursor_of_one_choice_is_refused_by_another(self, api: Api) -> None:
        await a_crowd_with_deleted(api)
        page = (await api.get("/customers?deleted=include&page_size=1&cursor=")).body
        cursor = page["nextCursor"]
        for other in ("deleted=only", "deleted=exclude", "search=include"):
            answer = await api.get(f"/customers?{other}&page_size=1&cursor={cursor}")
            assert (answer.status, answer.fields) == (400, {"cursor"})
