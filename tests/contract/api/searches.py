"""The searches of docs/search.md find whom that page says, and no others."""

from urllib.parse import quote

from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order
from tests.support.documents import ROOT, table, text_of

PAGE = text_of(ROOT / "docs/search.md")
PEOPLE = table(PAGE, first_column="customer")
SEARCHES = table(PAGE, first_column="#")


async def the_people(api: Api) -> dict[str, str]:
    """Registers the customers of the page, with their orders; returns their names there by id."""
    names = {}
    for name, email, first_name, last_name, phone, number, order_id in PEOPLE:
        person = {"email": email, "firstName": first_name, "lastName": last_name, "phone": phone}
        names[id := (await a_customer(api, **person))["id"]] = name
        if number or order_id:
            await an_order(api, f"/customers/{id}", order_id or email, 1, orderNumber=number)
    return names


async def matching_names(api: Api, names: dict[str, str], query: str) -> list[str]:
    """The names of all customers that a query finds, sorted; asserts that one page has them all."""
    body = (await api.get(f"/customers?{query}&page_size=100")).body
    assert body["total"] == len(body["customers"])
    return sorted(names[customer["id"]] for customer in body["customers"])


class DocumentedSearchContract:
    async def test_the_page_has_forty_searches_or_more(self) -> None:
        assert len(SEARCHES) >= 40
        assert [int(row[0]) for row in SEARCHES] == list(range(1, len(SEARCHES) + 1))

    async def test_every_search_finds_whom_the_page_says(self, api: Api) -> None:
        names = await the_people(api)
        for number, search, expected, _ in SEARCHES:
            query = f"search={quote(search.strip('`'))}"
            assert await matching_names(api, names, query) == sorted(expected.split()), (
                number,
                search,
            )

    async def test_deleted_customers_are_found_where_they_are_listed(self, api: Api) -> None:
        names = await the_people(api)
        for id in names:
            await api.delete(f"/customers/{id}")
        for number, search, expected, _ in SEARCHES:
            query = f"search={quote(search.strip('`'))}"
            assert await matching_names(api, names, query) == []
            for deleted in ("only", "include"):
                people = await matching_names(api, names, f"{query}&deleted={deleted}")
                assert people == sorted(expected.split()), (number, search)

    async def test_members_of_a_segment_are_searched_alike(self, api: Api) -> None:
        names = await the_people(api)
        segment = (await api.post("/customers/segments", {"name": "All"})).body["id"]
        path = f"/customers/segments/{segment}/customers"
        await api.post(path, {"customerIds": list(names)})
        for number, search, expected, _ in SEARCHES:
            body = (await api.get(f"{path}?search={quote(search.strip('`'))}")).body
            people = sorted(names[customer["id"]] for customer in body["customers"])
            assert people == sorted(expected.split()), (number, search)

    async def test_an_erased_customer_is_found_by_nothing(self, api: Api) -> None:
        names = await the_people(api)
        for id in names:
            await api.delete(f"/customers/{id}?mode=erase")
        for _, search, *_ in SEARCHES:
            query = f"search={quote(search.strip('`'))}&deleted=include"
            assert await matching_names(api, names, query) == []

    async def test_a_search_of_nothing_but_marks_finds_nobody(self, api: Api) -> None:
        names = await the_people(api)
        assert await matching_names(api, names, f"search={quote(chr(0x301))}") == []
        assert await matching_names(api, names, f"search={quote(chr(0x301) * 200)}") == []
