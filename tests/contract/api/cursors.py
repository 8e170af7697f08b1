"""Paging through the list of customers by cursors and links."""

from string import ascii_letters, digits
from urllib.parse import quote

import pytest

from tests.contract.api.lists import a_crowd
from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order, customer_path

KEYS = ["first", "prev", "next", "last"]


async def walk(api: Api, path: str) -> list[str]:
    """The ids of all customers, read page by page by cursor; fails if the pages do not end."""
    ids, cursor = [], ""
    for _ in range(50):
        body = (await api.get(f"{path}&cursor={cursor}")).body
        ids += [customer["id"] for customer in body["customers"]]
        if body["nextCursor"] is None:
            return ids
        cursor = body["nextCursor"]
    raise AssertionError("the cursor does not end")


class CursorContract:
    async def test_a_cursor_page_has_no_totals(self, api: Api) -> None:
        ids = await a_crowd(api, 3)
        body = (await api.get("/customers?cursor=&page_size=2")).body
        assert [customer["id"] for customer in body["customers"]] == ids[:2]
        assert isinstance(body["nextCursor"], str)
        assert (set(body), body["pageSize"]) == ({"customers", "nextCursor", "pageSize"}, 2)
        last = (await api.get(f"/customers?cursor={body['nextCursor']}&page_size=2")).body
        assert (len(last["customers"]), last["nextCursor"]) == (1, None)

    async def test_the_last_cursor_page_has_no_next_cursor(self, api: Api) -> None:
        await a_crowd(api, 2)
        body = (await api.get("/customers?cursor=&page_size=2")).body
        assert (len(body["customers"]), body["nextCursor"]) == (2, None)

    @pytest.mark.parametrize(
        "query",
        [
            "page_size=2",
            "page_size=7",
            "page_size=3&sort_order=asc",
            "page_size=2&sort_by=last_order_date",
            "page_size=2&sort_by=total_spent&sort_order=asc",
            "page_size=1&sort_by=email&status=active&search=example",
        ],
    )
    async def test_cursor_pages_return_every_customer_once_in_list_order(
        self, api: Api, query: str
    ) -> None:
        for number in range(7):
            customer = await customer_path(api, email=f"{'zaéY9_b'[number]}@example.test")
            if number % 2:
                date = f"2025-01-{20 - number}T00:00:00Z"
                await an_order(api, customer, f"o-{number}", 5, orderDate=date)
        sorting = "&".join(part for part in query.split("&") if not part.startswith("page_size"))
        listed = (await api.get(f"/customers?page_size=100&{sorting}")).body["customers"]
        assert await walk(api, f"/customers?{query}") == [customer["id"] for customer in listed]

    async def test_a_cursor_for_other_filters_is_refused(self, api: Api) -> None:
        await a_crowd(api, 3)
        cursor = (await api.get("/customers?cursor=&page_size=1")).body["nextCursor"]
        for other in (*OTHERS, "max_total_spent=0", "min_total_spent=0"):
            answer = await api.get(f"/customers?cursor={cursor}&page_size=1&{other}")
            assert (answer.status, answer.fields) == (400, {"cursor"}), other

    async def test_a_cursor_does_not_depend_on_how_an_amount_is_written(self, api: Api) -> None:
        await a_crowd(api, 3)
        first = "/customers?page_size=1&max_total_spent=10&cursor="
        cursor = (await api.get(first)).body["nextCursor"]
        for amount in ("10", "10.0", "10.00", "1e1"):
            path = f"/customers?page_size=1&max_total_spent={amount}&cursor={cursor}"
            assert (await api.get(path)).status == 200, amount

    async def test_a_tampered_cursor_is_refused(self, api: Api) -> None:
        await a_crowd(api, 3)
        cursor = (await api.get("/customers?cursor=&page_size=1")).body["nextCursor"]
        swapped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
        ends = [cursor[:-1] + last for last in ascii_letters + digits if last != cursor[-1]]
        for bad in (cursor[:-4], cursor + "AAAA", swapped, cursor[4:], cursor.swapcase(), *ends):
            answer = await api.get(f"/customers?cursor={bad}&page_size=1")
            assert (answer.status, answer.fields) == (400, {"cursor"}), bad


# Characters that some clients send unescaped.
SAFE = '<>"=;,:/'
OTHERS = ("status=ACTIVE", "sort_by=email", "sort_order=asc", "search=a", "tags=x")


class LinkContract:
    async def test_links_lead_through_the_pages(self, api: Api) -> None:
        await a_crowd(api, 5)
        middle = await api.get("/customers?page=2&page_size=2&status=ACTIVE")
        links = {name: middle.link(name) for name in KEYS}
        pages = [(await api.get(path)).body["page"] for path in links.values() if path]
        assert pages == [1, 1, 3, 3]
        assert all("status=ACTIVE" in (path or "") for path in links.values())

    async def test_the_first_and_last_page_have_no_link_beyond(self, api: Api) -> None:
        await a_crowd(api, 3)
        first = await api.get("/customers?page_size=2")
        last = await api.get("/customers?page_size=2&page=2")
        assert (first.link("prev"), last.link("next")) == (None, None)
        assert (await api.get(first.link("next") or "")).body == last.body
        assert (await api.get(last.link("prev") or "")).body == first.body

    @pytest.mark.parametrize("parameter", ["page=1", "p%61ge=1", "page", "page=&_", "&&page=1&_=2"])
    async def test_a_link_replaces_the_page_parameter_in_any_spelling(
        self, api: Api, parameter: str
    ) -> None:
        await a_crowd(api, 3)
        first = await api.get(f"/customers?{parameter}&page_size=2")
        second = await api.get(first.link("next") or "")
        assert (second.status, second.body["page"], len(second.body["customers"])) == (200, 2, 1)

    @pytest.mark.parametrize(
        "parameter", ["search=<a>", 'utm_x=>;rel="next",<http://evil', "PAGE=1", "Page"]
    )
    async def test_a_link_header_is_well_formed_for_any_query(
        self, api: Api, parameter: str
    ) -> None:
        await a_crowd(api, 3)
        answer = await api.get(f"/customers?page_size=2&{quote(parameter, safe=SAFE)}")
        links = answer.headers["Link"].split(", ")
        assert all(link.startswith("</api/v1/customers?") for link in links)
        assert all(link.count("<") == link.count(">") == 1 for link in links)
        for name in ("first", "last"):
            assert (await api.get(answer.link(name) or "")).status == 200

    @pytest.mark.parametrize(
        ("length", "relations"),
        [(1_800, "next prev first last"), (3_000, "next prev"), (7_500, "next")],
    )
    async def test_a_link_header_is_short_enough_for_clients(
        self, api: Api, length: int, relations: str
    ) -> None:
        await a_crowd(api, 3)
        answer = await api.get(f"/customers?page_size=1&page=2&utm_source={'x' * length}")
        assert answer.body["pagination"]["hasNext"]
        names = "next prev first last".split()
        assert [name for name in names if answer.link(name)] == relations.split()

    async def test_a_link_keeps_the_meaning_of_filters(self, api: Api) -> None:
        for number in range(3):
            await a_customer(api, email=f"a+&{number}@example.test", firstName="é")
        first = await api.get("/customers?search=a%2B%26&page_size=2&tenantId=" + api.tenant)
        assert first.body["total"] == 3
        assert (await api.get(first.link("next") or "")).body["total"] == 3
