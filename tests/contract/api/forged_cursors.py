"""Cursors are sealed: they reveal nothing, and a list answers 400 to all but its own cursors."""

import base64
from itertools import islice
from random import Random
from urllib.parse import quote

from attrs import frozen

from benchmarks.forged_cursors import forged_cursors
from tests.contract.api.lists import a_crowd
from tests.support.api_client import Api
from tests.support.api_steps import a_customer, an_order

FORGERIES = 60
SORTS = ("created_at", "email", "total_spent", "total_orders", "last_order_date", "first_name")


@frozen
class List:
    """A list that is walked by cursor: its path, and the cursor of its second page."""

    path: str
    cursor: str

    def page(self, cursor: str) -> str:
        return f"{self.path}{'&' if '?' in self.path else '?'}cursor={cursor}&limit=1"


async def every_list(api: Api) -> list[List]:
    """Lists of a tenant that have cursors, with at least three rows each."""
    ids = await a_crowd(api, 3)
    customer = f"/customers/{ids[0]}"
    for number in range(3):
        await an_order(api, customer, f"o-{number}", 5)
        await api.post(f"{customer}/notes", {"note": f"Note {number}"})
        message = {"communicationType": "email", "direction": "outbound", "externalId": str(number)}
        await api.post(f"{customer}/communications", message)
    segment = (await api.post("/customers/segments", {"name": "Some"})).body["id"]
    await api.post(f"/customers/segments/{segment}/customers", {"customerIds": ids})
    members = f"/customers/segments/{segment}/customers"
    owned = [f"{customer}/{noun}" for noun in ("orders", "notes", "communications")]
    sorted_lists = [f"/customers?sort_by={sort}" for sort in SORTS]
    paths = [*sorted_lists, members, f"{members}?sort_by=email", *owned]
    return [List(path, await second_page(api, path)) for path in paths]


async def second_page(api: Api, path: str) -> str:
    """The cursor of the second page of a list."""
    answer = await api.get(List(path, "").page(""))
    assert answer.status == 200, answer
    if isinstance(answer.body, dict):
        return str(answer.body["nextCursor"])
    link = answer.link("next") or ""
    return link.partition("cursor=")[2].partition("&")[0]


class ForgedCursorContract:
    async def test_every_list_refuses_forged_cursors(self, api: Api) -> None:
        lists, others = await every_list(api), await every_list(api.of_tenant(f"{api.tenant}-2"))
        for number, one in enumerate(lists):
            assert (await api.get(one.page(one.cursor))).status == 200, one
            foreign = [other.cursor for other in (*lists, *others) if other != one]
            forgeries = forged_cursors([one.cursor], foreign, Random(number))
            for forged in islice(forgeries, FORGERIES):
                answer = await api.get(one.page(forged))
                assert (answer.status, answer.fields) == (400, {"cursor"}), (one.path, forged)

    async def test_a_list_refuses_the_cursors_of_another_tenant(self, api: Api) -> None:
        other = api.of_tenant(f"{api.tenant}-2")
        for crowd in (api, other):
            await a_crowd(crowd, 2)
        cursor = await second_page(other, "/customers")
        assert (await other.get(f"/customers?cursor={cursor}&limit=1")).status == 200
        answer = await api.get(f"/customers?cursor={cursor}&limit=1")
        assert answer.problem == (
            400,
            "VALIDATION_FAILED",
            frozenset({("cursor", "INVALID_VALUE")}),
        )

    async def test_a_cursor_shows_nothing_of_its_row(self, api: Api) -> None:
        for name in ("ada", "zoe"):
            await a_customer(api, email=f"{name}.lovelace@example.test", firstName="Augusta")
        for sort in ("email", "first_name"):
            cursor = await second_page(api, f"/customers?sort_by={sort}")
            shown = base64.urlsafe_b64decode(cursor + "==")
            for value in (b"lovelace", b"@", b"example", b"Augusta", api.tenant.encode(), b"-"):
                assert value * 2 not in shown
                assert len(value) == 1 or value not in shown
        assert quote(cursor, safe="") == cursor
