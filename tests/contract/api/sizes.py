"""How large bodies, texts, lists and queries may be, and what the answer to a larger one is."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from customers.entrypoints.http.routes import Route
from customers.entrypoints.openapi.parameters import path_of
from tests.support.api_client import BASE, Answer, Api
from tests.support.api_steps import (
    COMMUNICATION,
    USER,
    a_segment,
    an_unknown_id,
    customer_path,
    new_customer,
    segment_path,
)
from tests.support.worst_requests import routes

KIB: Final = 1024
LARGEST: Final = 1024 * KIB
SIZES: Final = {
    "registerCustomer": 224 * KIB,
    "updateCustomer": 224 * KIB,
    "patchCustomer": 224 * KIB,
    "addNote": 160 * KIB,
    "createSegment": 160 * KIB,
    "updateSegment": 160 * KIB,
    "previewRules": 160 * KIB,
    "previewChange": 160 * KIB,
    "addMembers": 224 * KIB,
    "removeMembers": 224 * KIB,
    "addCommunication": LARGEST,
    "recordOrderBatch": LARGEST,
    "bulkUpsertCustomers": 16 * LARGEST,
}
WRITES: Final = [route for route in routes() if route.method != "GET"]
# A character that takes twelve bytes when it is escaped.
EMOJI: Final = "😀"

every_write = pytest.mark.parametrize("route", WRITES, ids=lambda route: route.operation)


async def send(api: Api, route: Route, body: bytes) -> Answer:
    """Sends a body to an operation for unknown ids; if it is for shoppers, for `me`."""
    path = path_of(route).removeprefix(BASE).replace("{shopperId}", "me")
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, an_unknown_id())
    headers = {"X-User-ID": USER, "Content-Type": route.media_type}
    return await api.send(route.method, path, body, headers=headers)


def problems_with(answer: Answer) -> Iterator[str]:
    return (detail["code"] for detail in answer.details)


class BodySizeContract:
    @every_write
    async def test_a_body_may_be_as_large_as_the_largest_valid_one(
        self, api: Api, route: Route
    ) -> None:
        assert route.body_limit == SIZES.get(route.operation, 32 * KIB)
        assert (await send(api, route, b"{}".ljust(route.body_limit))).status in (200, 400, 404)

    @every_write
    async def test_a_larger_body_is_413_and_says_how_large_it_may_be(
        self, api: Api, route: Route
    ) -> None:
        for size in (route.body_limit + 1, 2 * route.body_limit):
            answer = await send(api, route, b"{}".ljust(size))
            assert answer.error == (413, "BODY_TOO_LARGE")
            assert f"({route.body_limit:,} bytes)" in answer.body["message"]
            assert answer.headers["Connection"] == "close"

    async def test_the_largest_customer_is_accepted_with_every_character_escaped(
        self, api: Api
    ) -> None:
        body = new_customer(
            firstName=EMOJI * 100,
            lastName=EMOJI * 100,
            country=EMOJI * 100,
            avatarUrl=EMOJI * 500,
            notes=EMOJI * 10_000,
            tags=[f"{number:02}" + EMOJI * 98 for number in range(50)],
        )
        assert (await api.post("/customers", body)).status == 201

    async def test_the_largest_note_is_accepted_with_every_character_escaped(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        assert (await api.post(f"{customer}/notes", {"note": EMOJI * 10_000})).status == 201

    async def test_the_largest_communication_is_accepted_with_every_letter_escaped(
        self, api: Api
    ) -> None:
        body = COMMUNICATION | {"content": "é" * 100_000, "subject": "é" * 255}
        answer = await api.post(f"{await customer_path(api)}/communications", body)
        assert answer.status == 201

    async def test_a_body_of_too_many_values_is_refused(self, api: Api) -> None:
        customer = await customer_path(api)
        for values in (b"0," * 40_000, b"[]," * 30_000, b"{}," * 30_000):
            body = b'{"ignored":[' + values + b"0]}"
            answer = await api.post(f"{customer}/communications", body)
            assert list(problems_with(answer)) == ["TOO_MANY_VALUES"]

    async def test_commas_and_brackets_in_a_text_are_no_values(self, api: Api) -> None:
        body = COMMUNICATION | {"content": ',[{"\\' * 20_000}
        answer = await api.post(f"{await customer_path(api)}/communications", body)
        assert answer.status == 201


class TextSizeContract:
    async def test_a_text_four_times_too_long_is_refused_although_it_is_only_space(
        self, api: Api
    ) -> None:
        for spaces, status in ((396, 201), (397, 400)):
            answer = await api.post("/customers", new_customer(country="land" + " " * spaces))
            assert answer.status == status
        assert list(problems_with(answer)) == ["MAX_LENGTH"]

    async def test_a_text_is_composed_before_its_characters_are_counted(self, api: Api) -> None:
        answer = await api.post("/customers", new_customer(firstName="u\u0308\u0304" * 100))
        assert answer.body["firstName"] == "\u01d6" * 100

    async def test_tags_are_counted_before_they_are_compared(self, api: Api) -> None:
        for copies, status in ((200, 201), (201, 400)):
            answer = await api.post("/customers", new_customer(tags=["vip"] * copies))
            assert answer.status == status
        assert list(problems_with(answer)) == ["MAX_LENGTH"]
        answer = await api.post("/customers", new_customer(tags=[1] * 201))
        assert list(problems_with(answer)) == ["MAX_LENGTH"]

    async def test_a_choice_and_a_number_are_not_looked_for_in_a_long_text(self, api: Api) -> None:
        for spaces, status in ((96, 201), (98, 400)):
            body = new_customer(customerType="VIP" + " " * spaces)
            assert (await api.post("/customers", body)).status == status
        customer = await customer_path(api)
        for spaces, status in ((4_999, 200), (5_000, 400)):
            order = {"orderId": "o-1", "totalAmount": "5" + " " * spaces}
            assert (await api.post(f"{customer}/record-order", order)).status == status

    async def test_a_long_name_of_an_unknown_key_is_cut_off(self, api: Api) -> None:
        body = new_customer(**{"k" * 100: 1, "l" * 101: 1})
        answer = await api.post("/customers", body, headers={"Prefer": "handling=strict"})
        assert answer.fields == {"k" * 100, "l" * 100 + "…"}


class ProblemCountContract:
    async def test_at_most_a_hundred_problems_are_told(self, api: Api) -> None:
        body = new_customer(**{f"key_{number}": 1 for number in range(150)})
        answer = await api.post("/customers", body, headers={"Prefer": "handling=strict"})
        codes = list(problems_with(answer))
        assert codes == ["UNKNOWN_FIELD"] * 100 + ["TOO_MANY_PROBLEMS"]

    async def test_at_most_a_hundred_unknown_members_are_named(self, api: Api) -> None:
        segment = segment_path(await a_segment(api, isDynamic=False))
        ids = {"customerIds": [an_unknown_id() for _ in range(150)]}
        for method in ("POST", "DELETE"):
            answer = await api.send(method, f"{segment}/customers", ids)
            codes = list(problems_with(answer))
            assert codes == ["CUSTOMER_NOT_FOUND"] * 100 + ["TOO_MANY_PROBLEMS"]

    async def test_the_problems_of_each_order_of_a_batch_are_counted(self, api: Api) -> None:
        order: dict[str, Any] = {"customerId": an_unknown_id(), "orderId": "o", "totalAmount": 1}
        orders = [order | {f"key_{number}": 1 for number in range(30)}] * 2
        strict: dict[str, str | None] = {"Prefer": "handling=strict"}
        answer = await api.post("/customers/orders/batch", {"orders": orders}, headers=strict)
        for outcome in answer.body["outcomes"]:
            codes = [detail["code"] for detail in outcome["details"]]
            assert codes == ["UNKNOWN_FIELD"] * 10 + ["TOO_MANY_PROBLEMS"]


class QuerySizeContract:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("search=%", "search"),
            ("a=1&search=%4", "search"),
            ("search=%zz&x=%", "search"),
            ("x=%ff", "x"),
            ("%c3=1", "query"),
            ("%", "query"),
        ],
    )
    async def test_a_malformed_query_is_refused(self, api: Api, query: str, field: str) -> None:
        customer = await customer_path(api)
        for path in ("/customers", customer, f"{customer}/addresses", "/customers/batch"):
            answer = await api.get(f"{path}?{query}")
            assert answer.problem[2] == {(field, "INVALID_ENCODING")}

    @pytest.mark.parametrize("part", ["%", "%zz", "%ff", "%c3%28", "%ed%a0%80"])
    async def test_a_malformed_path_is_refused(self, api: Api, part: str) -> None:
        for path in (f"/customers/{part}", f"/customers/{part}/addresses"):
            answer = await api.get(path)
            assert answer.problem[2] == {("path", "INVALID_ENCODING")}

    async def test_a_query_has_at_most_two_hundred_parameters(self, api: Api) -> None:
        for count, status in ((200, 200), (201, 400)):
            answer = await api.get("/customers?" + "&".join(["_="] * count))
            assert answer.status == status
        assert answer.problem[2] == {("query", "TOO_MANY_PARAMETERS")}

    async def test_a_list_of_a_query_has_at_most_a_hundred_items(self, api: Api) -> None:
        for parameter, item in (("status", "VIP"), ("tags", "x"), ("country_code", "US")):
            answer = await api.get(f"/customers?{parameter}={f'{item},' * 101}")
            assert (parameter, "MAX_LENGTH") in answer.problem[2]
            assert len(answer.details) <= 2

    async def test_headers_of_more_than_32_kib_are_431(self, api: Api) -> None:
        headers: dict[str, str | None] = {f"X-{number}": "a" * 8_000 for number in range(5)}
        answer = await api.get("/customers", headers=headers)
        assert answer.error == (431, "HEADERS_TOO_LARGE")
