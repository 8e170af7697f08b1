"""No list and no batch answers with more than 4 MiB of rows."""

from typing import Any, Final

from customers.entrypoints.http.answer_size import MAX_ANSWER_BYTES
from tests.support.api_client import Api
from tests.support.api_steps import (
    a_communication,
    a_customer,
    a_segment,
    assign,
    customer_path,
    segment_path,
)

# Enough bytes for what surrounds the rows of an answer.
ROOM: Final = 1_024
TOO_LARGE: Final = (400, "ANSWER_TOO_LARGE")


async def many_large_customers(api: Api) -> list[dict[str, Any]]:
    """Customers of 59 KiB each in answers, too many for one answer."""
    notes = "😀" * 10_000
    tags = [f"{number:02}" + "😀" * 98 for number in range(50)]
    return [await a_customer(api, tags=tags, notes=notes) for _ in range(80)]


class AnswerSizeContract:
    async def test_a_page_of_communications_ends_earlier_and_links_to_the_rest(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        for number in range(45):
            subject, content = str(number), "x" * 100_000
            await a_communication(api, customer, subject=subject, content=content)
        path: str | None = f"{customer}/communications?limit=200"
        subjects, sizes = [], []
        while path is not None:
            answer = await api.get(path)
            subjects += [communication["subject"] for communication in answer.body]
            sizes.append(len(answer.raw))
            path = answer.link("next")
        assert subjects == [str(number) for number in reversed(range(45))]
        assert len(sizes) == 2
        assert max(sizes) <= MAX_ANSWER_BYTES + ROOM

    async def test_pages_of_customers_by_cursor_end_earlier(self, api: Api) -> None:
        customers, seen = await many_large_customers(api), []
        cursor: str | None = ""
        while cursor is not None:
            answer = await api.get(f"/customers?page_size=100&cursor={cursor}")
            seen += [customer["id"] for customer in answer.body["customers"]]
            assert len(answer.raw) <= MAX_ANSWER_BYTES + ROOM
            cursor = answer.body["nextCursor"]
        assert sorted(seen) == sorted(customer["id"] for customer in customers)

    async def test_segments_with_large_rules_are_walked_and_not_listed_at_once(
        self, api: Api
    ) -> None:
        customer = await a_customer(api)
        for number in range(70):
            rules = {"note": f"{number:02}" + "x" * 65_000}
            await assign(api, await a_segment(api, isDynamic=False, rules=rules), customer)
        for lists in ("/customers/segments", f"/customers/{customer['id']}/segments"):
            answer = await api.get(lists)
            assert (answer.status, answer.code) == TOO_LARGE
        for limit in (69, 500, 501):
            first = await api.get(f"/customers/segments?limit={limit}")
            assert len(first.raw) <= MAX_ANSWER_BYTES + ROOM
            rest = await api.get(first.link("next") or "")
            assert len(first.body) + len(rest.body) == 70

    async def test_a_preview_shows_as_many_customers_as_there_is_room_for(self, api: Api) -> None:
        await many_large_customers(api)
        rules = [{"field": "notes", "operator": "is_not_empty"}]
        answer = await api.post("/customers/segments/preview", {"rules": rules, "sample": 100})
        assert (answer.status, answer.body["count"]) == (200, 80)
        assert 0 < len(answer.body["sample"]) < 80
        assert len(answer.raw) <= MAX_ANSWER_BYTES + ROOM

    async def test_other_answers_are_refused_until_fewer_customers_are_asked_for(
        self, api: Api
    ) -> None:
        customers, segment = await many_large_customers(api), await a_segment(api)
        await assign(api, segment, *customers)
        members, ids = segment_path(segment) + "/customers", [one["id"] for one in customers]
        for path in ("/customers?page_size=100", members, f"{members}?page_size=100"):
            assert (await api.get(path)).error == TOO_LARGE
        batch = await api.get(f"/customers/batch?ids={','.join(ids)}")
        assert (batch.error, batch.body["success"]) == (TOO_LARGE, False)
        for path in ("/customers?page_size=50", f"{members}?page_size=50"):
            answer = await api.get(path)
            assert answer.status == 200
            assert len(answer.raw) <= MAX_ANSWER_BYTES
        assert (await api.get(f"/customers/batch?ids={','.join(ids[:10])}")).status == 200
