"""Notes and communications over REST, and the pages of their lists and of orders."""

import asyncio
from typing import Any

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    COMMUNICATION,
    NOTE,
    USER,
    a_communication,
    a_note,
    an_unknown_id,
    customer_path,
    id_of,
    select,
)

NOTE_KEYS = {"id", "customerId", "tenantId", "note", "createdBy", "createdAt", "updatedAt"}
COMMUNICATION_KEYS = set(
    "id customerId tenantId communicationType direction subject content status externalId "
    "createdAt".split()
)
FORWARD = ["sent", "delivered", "opened", "clicked"]


async def ids(api: Api, path: str) -> list[str]:
    return [entry["id"] for entry in (await api.get(path)).body]


class NoteContract:
    async def test_a_new_note_has_every_key(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await api.post(
            f"{customer}/notes", NOTE | {"createdBy": USER, "id": an_unknown_id()}
        )
        assert (answer.status, set(answer.body)) == (201, NOTE_KEYS)
        expected = NOTE | {"createdBy": None, "customerId": id_of(customer), "tenantId": api.tenant}
        assert select(answer.body, expected) == expected
        assert (await api.get(f"{customer}/notes")).body == [answer.body]

    async def test_notes_are_listed_newest_first(self, api: Api) -> None:
        customer, added = await customer_path(api), []
        for number in range(3):
            added.append((await a_note(api, customer, f"note {number}"))["id"])
            api.clock.forward(seconds=1)
        assert await ids(api, f"{customer}/notes") == added[::-1]

    async def test_a_deleted_note_is_not_found(self, api: Api) -> None:
        customer = await customer_path(api)
        path = f"{customer}/notes/{(await a_note(api, customer))['id']}"
        answer = await api.delete(path)
        assert (answer.status, answer.body) == (200, {"message": "note deleted successfully"})
        assert (await api.get(f"{customer}/notes")).body == []
        assert (await api.delete(path)).status == 404

    async def test_a_note_of_another_customer_is_not_found(self, api: Api) -> None:
        note = await a_note(api, owner := await customer_path(api))
        assert (await api.delete(f"{await customer_path(api)}/notes/{note['id']}")).status == 404
        assert (await api.get(f"{owner}/notes")).body == [note]

    async def test_notes_of_a_customer_are_not_its_notes_field(self, api: Api) -> None:
        customer = await customer_path(api, notes="of the customer")
        await a_note(api, customer)
        assert (await api.get(customer)).body["notes"] == "of the customer"


class CommunicationContract:
    async def test_a_new_communication_has_every_key(self, api: Api) -> None:
        customer = await customer_path(api)
        body = COMMUNICATION | {"subject": "Hello", "content": "one\r\ntwo", "externalId": "m-1"}
        answer = await api.post(f"{customer}/communications", body | {"status": "clicked"})
        assert (answer.status, set(answer.body)) == (201, COMMUNICATION_KEYS)
        expected = body | {"content": "one\ntwo", "status": "sent", "tenantId": api.tenant}
        assert select(answer.body, expected) == expected
        assert (await api.get(f"{customer}/communications")).body == [answer.body]

    async def test_choices_are_accepted_in_any_case_and_returned_in_lower_case(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        communication = await a_communication(
            api, customer, communicationType="SMS", direction="Inbound"
        )
        assert (communication["communicationType"], communication["direction"]) == (
            "sms",
            "inbound",
        )

    async def test_the_same_external_id_and_type_is_a_repeat(self, api: Api) -> None:
        customer = await customer_path(api)
        first = await a_communication(api, customer, externalId="m-1", subject="first")
        body = COMMUNICATION | {"externalId": "m-1", "subject": "second"}
        again = await api.post(f"{customer}/communications", body)
        assert (again.status, again.body) == (200, first)
        assert await ids(api, f"{customer}/communications") == [first["id"]]

    async def test_another_type_or_customer_may_use_the_external_id(self, api: Api) -> None:
        customer = await customer_path(api)
        communications = [
            await a_communication(api, customer, externalId="m-1"),
            await a_communication(api, customer, externalId="m-1", communicationType="sms"),
            await a_communication(api, await customer_path(api), externalId="m-1"),
        ]
        assert len({communication["id"] for communication in communications}) == 3

    async def test_equal_communications_without_external_ids_are_all_stored(self, api: Api) -> None:
        customer = await customer_path(api)
        for fields in ({}, {}, {"externalId": ""}, {"externalId": None}):
            await a_communication(api, customer, **fields)
        assert len(await ids(api, f"{customer}/communications")) == 4

    async def test_concurrent_repeats_store_one_communication(self, api: Api) -> None:
        customer = await customer_path(api)
        body = COMMUNICATION | {"externalId": "m-1"}
        requests = [api.post(f"{customer}/communications", body) for _ in range(12)]
        answers = await asyncio.gather(*requests)
        assert sorted(answer.status for answer in answers) == [200] * 11 + [201]
        assert len(await ids(api, f"{customer}/communications")) == 1

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("type=email", "ac"),
            ("type=SMS", "b"),
            ("direction=inbound", "c"),
            ("type=email&direction=outbound", "a"),
            ("type=chat", ""),
        ],
    )
    async def test_lists_are_filtered_by_type_and_direction(
        self, api: Api, query: str, expected: str
    ) -> None:
        customer = await customer_path(api)
        await a_communication(api, customer, subject="a")
        await a_communication(api, customer, subject="b", communicationType="sms")
        await a_communication(api, customer, subject="c", direction="inbound")
        listed = (await api.get(f"{customer}/communications?{query}")).body
        assert sorted(communication["subject"] for communication in listed) == list(expected)

    @pytest.mark.parametrize("query", ["type=fax", "direction=up"])
    async def test_unknown_values_of_filters_are_refused(self, api: Api, query: str) -> None:
        answer = await api.get(f"{await customer_path(api)}/communications?{query}")
        assert (answer.status, answer.fields) == (400, {query.partition("=")[0]})


class CommunicationStatusContract:
    @pytest.mark.parametrize("before", range(4))
    @pytest.mark.parametrize("after", range(4))
    async def test_a_status_moves_forward_only(self, api: Api, before: int, after: int) -> None:
        customer = await customer_path(api)
        communication = await a_communication(api, customer)
        path = f"{customer}/communications/{communication['id']}"
        assert (await api.patch(path, {"status": FORWARD[before]})).status == 200
        answer = await api.patch(path, {"status": FORWARD[after].upper()})
        stored = (await api.get(f"{customer}/communications")).body[0]
        if after < before:
            assert answer.error == (409, "STATUS_BACKWARD")
        else:
            assert (answer.status, answer.body) == (200, stored)
        assert stored["status"] == FORWARD[max(before, after)]

    @pytest.mark.parametrize("before", FORWARD)
    async def test_an_opened_communication_cannot_fail(self, api: Api, before: str) -> None:
        customer = await customer_path(api)
        path = f"{customer}/communications/{(await a_communication(api, customer))['id']}"
        await api.patch(path, {"status": before})
        answer = await api.patch(path, {"status": "failed"})
        assert answer.status == (200 if before in ("sent", "delivered") else 409)

    async def test_a_failed_communication_stays_failed(self, api: Api) -> None:
        customer = await customer_path(api)
        path = f"{customer}/communications/{(await a_communication(api, customer))['id']}"
        assert (await api.patch(path, {"status": "failed"})).body["status"] == "failed"
        assert (await api.patch(path, {"status": "failed"})).status == 200
        for status in FORWARD:
            answer = await api.patch(path, {"status": status})
            assert answer.error == (409, "STATUS_BACKWARD")

    async def test_a_communication_of_another_customer_is_not_found(self, api: Api) -> None:
        communication = await a_communication(api, await customer_path(api))
        path = f"{await customer_path(api)}/communications/{communication['id']}"
        assert (await api.patch(path, {"status": "opened"})).status == 404


every_list = pytest.mark.parametrize("kind", ["notes", "communications", "orders"])


async def a_list_of_seven(api: Api, kind: str) -> str:
    """The path of a list of seven items, four of them created at the same time."""
    customer = await customer_path(api)
    for number in range(7):
        order = {"orderId": f"o-{number}", "totalAmount": 1}
        bodies: dict[str, Any] = {"notes": NOTE, "communications": COMMUNICATION, "orders": order}
        path = f"{customer}/{'record-order' if kind == 'orders' else kind}"
        assert (await api.post(path, bodies[kind])).status in (200, 201)
        api.clock.forward(seconds=0 if number < 3 else 1)
    return f"{customer}/{kind}"


@every_list
class JournalPageContract:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    async def test_next_links_lead_to_every_item_once_newest_first(
        self, api: Api, kind: str, limit: int
    ) -> None:
        path = await a_list_of_seven(api, kind)
        key = "orderId" if path.endswith("orders") else "id"
        everything = [entry[key] for entry in (await api.get(path)).body]
        walked, link = [], f"{path}?limit={limit}"
        while link:
            answer = await api.get(link)
            assert len(answer.body) <= limit
            walked += [entry[key] for entry in answer.body]
            link = answer.link("next") or ""
        assert (len(everything), walked) == (7, everything)

    async def test_a_complete_list_has_no_next_link(self, api: Api, kind: str) -> None:
        path = await a_list_of_seven(api, kind)
        assert (await api.get(path)).link("next") is None
        assert (await api.get(f"{path}?limit=7")).link("next") is None

    @pytest.mark.parametrize("limit", ["201", "1000", "200"])
    async def test_a_limit_over_the_maximum_means_the_maximum(
        self, api: Api, kind: str, limit: str
    ) -> None:
        path = await a_list_of_seven(api, kind)
        assert len((await api.get(f"{path}?limit={limit}")).body) == 7

    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=-1", "cursor=x", "cursor=%ff"])
    async def test_a_bad_query_is_refused(self, api: Api, kind: str, query: str) -> None:
        path = await a_list_of_seven(api, kind)
        answer = await api.get(f"{path}?{query}")
        assert (answer.status, answer.fields) == (400, {query.partition("=")[0]})

    async def test_a_cursor_of_another_customer_is_refused(self, api: Api, kind: str) -> None:
        path = await a_list_of_seven(api, kind)
        link = (await api.get(f"{path}?limit=2")).link("next") or ""
        other = await customer_path(api)
        moved = f"{other}/{id_of(path)}?{link.partition('?')[2]}"
        assert (await api.get(moved)).status == 400
