"""Section 7: notes and communications."""

import asyncio
from typing import Any

import pytest

from tests.contract.api.steps import (
    COMMUNICATION,
    NOTE,
    USER,
    a_communication,
    a_note,
    an_unknown_id,
    at,
)
from tests.support.api_client import Api

NOTE_KEYS = {"id", "customerId", "tenantId", "note", "createdBy", "createdAt", "updatedAt"}
COMMUNICATION_KEYS = set(
    "id customerId tenantId communicationType direction subject content status externalId "
    "createdAt".split()
)
FORWARD = ["sent", "delivered", "opened", "clicked"]


async def ids(api: Api, path: str) -> list[str]:
    return [entry["id"] for entry in (await api.get(path)).body]


class NoteContract:
    async def test_a_new_note_shows_every_key_bare(self, api: Api) -> None:
        customer = await at(api)
        answer = await api.post(
            f"{customer}/notes", NOTE | {"createdBy": USER, "id": an_unknown_id()}
        )
        assert (answer.status, set(answer.body)) == (201, NOTE_KEYS)
        expected = NOTE | {
            "createdBy": None,
            "customerId": customer.rpartition("/")[2],
            "tenantId": api.tenant,
        }
        assert {name: answer.body[name] for name in expected} == expected
        assert (await api.get(f"{customer}/notes")).body == [answer.body]

    async def test_notes_are_listed_newest_first(self, api: Api) -> None:
        customer, added = await at(api), []
        for number in range(3):
            added.append((await a_note(api, customer, f"note {number}"))["id"])
            api.clock.forward(seconds=1)
        assert await ids(api, f"{customer}/notes") == added[::-1]

    async def test_a_deleted_note_is_gone(self, api: Api) -> None:
        customer = await at(api)
        path = f"{customer}/notes/{(await a_note(api, customer))['id']}"
        answer = await api.delete(path)
        assert (answer.status, answer.body) == (200, {"message": "note deleted successfully"})
        assert (await api.get(f"{customer}/notes")).body == []
        assert (await api.delete(path)).status == 404

    async def test_a_note_of_another_customer_is_not_found(self, api: Api) -> None:
        note = await a_note(api, owner := await at(api))
        assert (await api.delete(f"{await at(api)}/notes/{note['id']}")).status == 404
        assert (await api.get(f"{owner}/notes")).body == [note]

    async def test_notes_of_a_customer_are_not_its_notes_field(self, api: Api) -> None:
        customer = await at(api, notes="of the customer")
        await a_note(api, customer)
        assert (await api.get(customer)).body["notes"] == "of the customer"


class CommunicationContract:
    async def test_a_new_communication_shows_every_key_bare(self, api: Api) -> None:
        customer = await at(api)
        body = COMMUNICATION | {"subject": "Hello", "content": "one\r\ntwo", "externalId": "m-1"}
        answer = await api.post(f"{customer}/communications", body | {"status": "clicked"})
        assert (answer.status, set(answer.body)) == (201, COMMUNICATION_KEYS)
        expected = body | {"content": "one\ntwo", "status": "sent", "tenantId": api.tenant}
        assert {name: answer.body[name] for name in expected} == expected
        assert (await api.get(f"{customer}/communications")).body == [answer.body]

    async def test_choices_are_taken_in_any_case_and_shown_in_lower_case(self, api: Api) -> None:
        customer = await at(api)
        told = await a_communication(api, customer, communicationType="SMS", direction="Inbound")
        assert (told["communicationType"], told["direction"]) == ("sms", "inbound")

    async def test_the_same_external_id_and_type_is_nothing_new(self, api: Api) -> None:
        customer = await at(api)
        first = await a_communication(api, customer, externalId="m-1", subject="first")
        body = COMMUNICATION | {"externalId": "m-1", "subject": "second"}
        again = await api.post(f"{customer}/communications", body)
        assert (again.status, again.body) == (200, first)
        assert await ids(api, f"{customer}/communications") == [first["id"]]

    async def test_another_type_or_customer_may_use_the_external_id(self, api: Api) -> None:
        customer = await at(api)
        told = [
            await a_communication(api, customer, externalId="m-1"),
            await a_communication(api, customer, externalId="m-1", communicationType="sms"),
            await a_communication(api, await at(api), externalId="m-1"),
        ]
        assert len({communication["id"] for communication in told}) == 3

    async def test_without_external_ids_equal_ones_are_several(self, api: Api) -> None:
        customer = await at(api)
        for fields in ({}, {}, {"externalId": ""}, {"externalId": None}):
            await a_communication(api, customer, **fields)
        assert len(await ids(api, f"{customer}/communications")) == 4

    async def test_of_many_who_tell_one_at_once_one_is_new(self, api: Api) -> None:
        customer = await at(api)
        body = COMMUNICATION | {"externalId": "m-1"}
        telling = [api.post(f"{customer}/communications", body) for _ in range(12)]
        answers = await asyncio.gather(*telling)
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
        customer = await at(api)
        await a_communication(api, customer, subject="a")
        await a_communication(api, customer, subject="b", communicationType="sms")
        await a_communication(api, customer, subject="c", direction="inbound")
        listed = (await api.get(f"{customer}/communications?{query}")).body
        assert sorted(communication["subject"] for communication in listed) == list(expected)

    @pytest.mark.parametrize("query", ["type=fax", "direction=up"])
    async def test_unknown_values_of_filters_are_refused(self, api: Api, query: str) -> None:
        answer = await api.get(f"{await at(api)}/communications?{query}")
        assert (answer.status, answer.fields) == (400, {query.partition("=")[0]})


class CommunicationStatusContract:
    @pytest.mark.parametrize("before", range(4))
    @pytest.mark.parametrize("after", range(4))
    async def test_a_status_moves_on_and_never_back(
        self, api: Api, before: int, after: int
    ) -> None:
        customer = await at(api)
        told = await a_communication(api, customer)
        path = f"{customer}/communications/{told['id']}"
        assert (await api.patch(path, {"status": FORWARD[before]})).status == 200
        answer = await api.patch(path, {"status": FORWARD[after].upper()})
        shown = (await api.get(f"{customer}/communications")).body[0]
        if after < before:
            assert (answer.status, answer.code) == (409, "STATUS_BACKWARD")
        else:
            assert (answer.status, answer.body) == (200, shown)
        assert shown["status"] == FORWARD[max(before, after)]

    @pytest.mark.parametrize("before", FORWARD)
    async def test_what_was_opened_cannot_fail(self, api: Api, before: str) -> None:
        customer = await at(api)
        path = f"{customer}/communications/{(await a_communication(api, customer))['id']}"
        await api.patch(path, {"status": before})
        answer = await api.patch(path, {"status": "failed"})
        assert answer.status == (200 if before in ("sent", "delivered") else 409)

    async def test_what_failed_has_failed(self, api: Api) -> None:
        customer = await at(api)
        path = f"{customer}/communications/{(await a_communication(api, customer))['id']}"
        assert (await api.patch(path, {"status": "failed"})).body["status"] == "failed"
        assert (await api.patch(path, {"status": "failed"})).status == 200
        for status in FORWARD:
            answer = await api.patch(path, {"status": status})
            assert (answer.status, answer.code) == (409, "STATUS_BACKWARD")

    async def test_a_communication_of_another_customer_is_not_found(self, api: Api) -> None:
        told = await a_communication(api, await at(api))
        path = f"{await at(api)}/communications/{told['id']}"
        assert (await api.patch(path, {"status": "opened"})).status == 404


every_list = pytest.mark.parametrize("kind", ["notes", "communications", "orders"])


async def a_list_of_seven(api: Api, kind: str) -> str:
    """The path of a list of seven, of which three share a moment."""
    customer = await at(api)
    for number in range(7):
        order = {"orderId": f"o-{number}", "totalAmount": 1}
        bodies: dict[str, Any] = {"notes": NOTE, "communications": COMMUNICATION, "orders": order}
        path = f"{customer}/{'record-order' if kind == 'orders' else kind}"
        assert (await api.post(path, bodies[kind])).status in (200, 201)
        api.clock.forward(seconds=0 if number < 3 else 1)
    return f"{customer}/{kind}"


@every_list
class StretchContract:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    async def test_links_lead_to_everything_once_and_newest_first(
        self, api: Api, kind: str, limit: int
    ) -> None:
        path = await a_list_of_seven(api, kind)
        key = "orderId" if path.endswith("orders") else "id"
        everything = [entry[key] for entry in (await api.get(path)).body]
        found, following = [], f"{path}?limit={limit}"
        while following:
            answer = await api.get(following)
            assert len(answer.body) <= limit
            found += [entry[key] for entry in answer.body]
            following = answer.link("next") or ""
        assert (len(everything), found) == (7, everything)

    async def test_a_list_that_is_whole_has_no_next(self, api: Api, kind: str) -> None:
        path = await a_list_of_seven(api, kind)
        assert (await api.get(path)).link("next") is None
        assert (await api.get(f"{path}?limit=7")).link("next") is None

    @pytest.mark.parametrize("limit", ["201", "1000", "200"])
    async def test_a_limit_over_the_most_is_served_as_the_most(
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
        following = (await api.get(f"{path}?limit=2")).link("next") or ""
        other = await at(api)
        moved = f"{other}/{path.rpartition('/')[2]}?{following.partition('?')[2]}"
        assert (await api.get(moved)).status == 400
