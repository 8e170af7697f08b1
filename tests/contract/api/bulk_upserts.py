"""A bulk upsert: each row creates or changes a customer by itself, and has an outcome."""

import json
from typing import Any

import pytest

from tests.support.api_client import Answer, Api
from tests.support.api_steps import a_customer, an_unknown_id, new_customer
from tests.support.builders import a_tenant

PATH = "/customers/bulk-upsert"
NDJSON = "application/x-ndjson"


async def send(api: Api, body: bytes, **headers: Any) -> Answer:
    return await api.post(PATH, body, headers={"Content-Type": NDJSON, **headers})


async def upsert(api: Api, *rows: Any, **headers: Any) -> list[dict[str, Any]]:
    """The outcomes; rows of bytes are sent as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    answer = await send(api, b"\n".join(lines) + b"\n", **headers)
    assert answer.status == 200, answer
    names = ("created", "updated", "unchanged", "failed")
    assert list(answer.body) == ["outcomes", *names]
    outcomes: list[dict[str, Any]] = answer.body["outcomes"]
    assert sum(answer.body[name] for name in names) == len(outcomes)
    assert answer.body["failed"] == sum("code" in outcome for outcome in outcomes)
    return outcomes


def brief(outcome: dict[str, Any]) -> tuple[Any, Any]:
    """The status, and the code or whether the row changed anything."""
    return outcome["status"], outcome.get("code", outcome.get("changed"))


CREATED, CHANGED, SAME = (201, True), (200, True), (200, False)


class BulkUpsertContract:
    async def test_rows_create_customers(self, api: Api) -> None:
        rows = [new_customer(tags=["a"], notes="n"), new_customer(id=an_unknown_id())]
        outcomes = await upsert(api, *rows)
        assert list(map(brief, outcomes)) == [CREATED, CREATED]
        assert [outcome["line"] for outcome in outcomes] == [1, 2]
        assert outcomes[1]["id"] == rows[1]["id"]
        for row, outcome in zip(rows, outcomes, strict=True):
            customer = (await api.get(f"/customers/{outcome['id']}")).body
            assert row.items() <= customer.items()
            assert customer["version"] == 1

    async def test_the_same_body_again_changes_nothing(self, api: Api) -> None:
        rows = [new_customer(notes="n", userId=an_unknown_id()), new_customer(id=an_unknown_id())]
        first = await upsert(api, *rows)
        second = await upsert(api, *rows)
        assert list(map(brief, second)) == [SAME, SAME]
        assert [one["id"] for one in first] == [one["id"] for one in second]

    async def test_a_known_customer_keeps_what_the_row_does_not_give(self, api: Api) -> None:
        before = await a_customer(api, notes="kept", phone="12345")
        row = {name: before[name] for name in ("email", "firstName", "lastName")}
        [outcome] = await upsert(api, row | {"phone": "67890", "notes": None})
        assert brief(outcome) == CHANGED
        after = (await api.get(f"/customers/{before['id']}")).body
        expected = before | {"phone": "67890", "version": 2, "updatedAt": after["updatedAt"]}
        assert after == expected

    async def test_an_id_may_change_the_email(self, api: Api) -> None:
        before = await a_customer(api)
        row = new_customer(id=before["id"], email="changed@example.test")
        assert list(map(brief, await upsert(api, row, row))) == [CHANGED, SAME]
        after = (await api.get(f"/customers/{before['id']}")).body
        assert after["email"] == "changed@example.test"

    async def test_a_known_email_is_enough_whatever_the_id(self, api: Api) -> None:
        before, gone = await a_customer(api), await a_customer(api)
        assert (await api.delete(f"/customers/{gone['id']}")).status == 200
        rows = [
            new_customer(id=id, email=before["email"].upper(), notes=id)
            for id in (an_unknown_id(), gone["id"])
        ]
        outcomes = await upsert(api, *rows)
        assert list(map(brief, outcomes)) == [CHANGED, CHANGED]
        assert [outcome["id"] for outcome in outcomes] == [before["id"]] * 2
        assert (await api.get(f"/customers/{before['id']}")).body["notes"] == gone["id"]

    async def test_rows_about_one_customer_take_effect_in_their_order(self, api: Api) -> None:
        row = new_customer()
        outcomes = await upsert(api, row | {"notes": "1"}, row | {"notes": "2"}, row)
        assert list(map(brief, outcomes)) == [CREATED, CHANGED, SAME]
        assert len({outcome["id"] for outcome in outcomes}) == 1
        assert (await api.get(f"/customers/{outcomes[0]['id']}")).body["notes"] == "2"

    async def test_a_bad_row_spoils_no_other(self, api: Api) -> None:
        ann, bob = await a_customer(api), await a_customer(api)
        gone = await a_customer(api)
        assert (await api.delete(f"/customers/{gone['id']}")).status == 200
        wrong = new_customer()
        del wrong["firstName"]
        outcomes = await upsert(
            api,
            new_customer(),
            b"{",
            b"[]",
            b"\xff",
            b'{"email":"a@x.test","email":"b@x.test"}',
            new_customer(notes=5),
            wrong | {"first_name": "Ada"},
            new_customer(id="x"),
            new_customer(id=ann["id"], email=bob["email"]),
            new_customer(id=gone["id"]),
            new_customer(),
        )
        assert list(map(brief, outcomes)) == [
            CREATED,
            (400, "INVALID_JSON"),
            (400, "VALIDATION_FAILED"),
            (400, "INVALID_JSON"),
            (400, "VALIDATION_FAILED"),
            (400, "VALIDATION_FAILED"),
            (400, "VALIDATION_FAILED"),
            (400, "VALIDATION_FAILED"),
            (409, "EMAIL_TAKEN"),
            (404, "CUSTOMER_NOT_FOUND"),
            CREATED,
        ]
        assert [outcome["line"] for outcome in outcomes] == list(range(1, 12))
        assert all(outcome["id"] is None for outcome in outcomes[1:-1])

    async def test_a_refused_row_says_what_a_single_request_would(self, api: Api) -> None:
        row = {"email": "none", "firstName": "", "last_name": "L"}
        single = await api.post("/customers", row)
        [outcome] = await upsert(api, row)
        assert (outcome["status"], outcome["code"]) == single.error
        assert outcome["details"] == single.details

    async def test_strict_handling_refuses_unknown_keys(self, api: Api) -> None:
        row = new_customer(id=an_unknown_id(), tenantId=api.tenant)
        outcomes = await upsert(api, row, row | {"hat": 1}, Prefer="handling=strict")
        assert list(map(brief, outcomes)) == [CREATED, (400, "VALIDATION_FAILED")]
        assert brief((await upsert(api, row | {"hat": 1}))[0]) == SAME

    async def test_empty_lines_are_skipped_and_count(self, api: Api) -> None:
        row = json.dumps(new_customer()).encode()
        answer = await send(api, b"\n \r\n" + row + b"\r\n\n" + row)
        outcomes = answer.body["outcomes"]
        assert [outcome["line"] for outcome in outcomes] == [3, 5]
        assert list(map(brief, outcomes)) == [CREATED, SAME]

    @pytest.mark.parametrize("body", [b"\n", b" \n\t\n"])
    async def test_a_body_without_rows_is_refused(self, api: Api, body: bytes) -> None:
        assert (await send(api, body)).problem == (
            400,
            "VALIDATION_FAILED",
            frozenset({("", "REQUIRED")}),
        )
        answer = await api.post(PATH)
        assert answer.error == (400, "VALIDATION_FAILED")

    async def test_too_many_lines_are_refused_as_in_other_batches(self, api: Api) -> None:
        for body in (b"\n" * 10_000 + b"{}", b"{}\n" * 10_001):
            answer = await send(api, body)
            assert answer.problem == (400, "VALIDATION_FAILED", frozenset({("", "MAX_LENGTH")}))
        answer = await send(api, b"{}\n" + b"\n" * 9_999)
        assert answer.status == 200

    async def test_a_row_has_the_size_limit_of_a_single_body(self, api: Api) -> None:
        large = json.dumps(new_customer(notes="x" * 300_000)).encode()
        outcomes = await upsert(api, large, new_customer())
        assert list(map(brief, outcomes)) == [(413, "BODY_TOO_LARGE"), CREATED]

    @pytest.mark.parametrize("media_type", ["application/json", "text/plain", None])
    async def test_only_ndjson_is_taken(self, api: Api, media_type: str | None) -> None:
        headers = {"Content-Type": media_type}
        answer = await api.post(PATH, b"{}", headers=headers)
        assert answer.error == (415, "UNSUPPORTED_MEDIA_TYPE")

    async def test_rows_of_another_tenant_are_refused(self, api: Api) -> None:
        other = a_tenant()
        outcomes = await upsert(
            api, new_customer(tenantId=other), new_customer(tenantId=api.tenant), new_customer()
        )
        assert list(map(brief, outcomes)) == [(400, "TENANT_MISMATCH"), CREATED, CREATED]

    async def test_the_same_ids_and_emails_are_new_for_another_tenant(self, api: Api) -> None:
        row = new_customer(id=an_unknown_id())
        mine = await upsert(api, row)
        theirs = await upsert(api.of_tenant(a_tenant()), row | {"notes": "theirs"})
        assert list(map(brief, [*mine, *theirs])) == [CREATED, CREATED]
        assert (await api.get(f"/customers/{row['id']}")).body["notes"] == ""

    async def test_there_is_no_other_method(self, api: Api) -> None:
        answer = await api.get(PATH)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    async def test_many_rows_are_applied_in_groups(self, api: Api) -> None:
        rows = [new_customer() for _ in range(1_201)]
        outcomes = await upsert(api, *rows, rows[0] | {"notes": "again"})
        assert list(map(brief, outcomes)) == [CREATED] * 1_201 + [CHANGED]
        assert [outcome["line"] for outcome in outcomes] == list(range(1, 1_203))
        page = (await api.get("/customers")).body
        assert page["total"] == 1_201

    async def test_the_details_of_very_many_bad_rows_are_left_out(self, api: Api) -> None:
        keys = ",".join(f'"unknown-key-{number:080}":1' for number in range(12))
        row = f"{{{keys}}}".encode()
        outcomes = await upsert(api, *[row] * 2_000, Prefer="handling=strict")
        assert all(outcome["code"] == "VALIDATION_FAILED" for outcome in outcomes)
        assert len(outcomes[0]["details"]) == 11
        assert "details" not in outcomes[-1]

    async def test_a_segment_follows_the_rows(self, api: Api) -> None:
        rules = [{"field": "notes", "operator": "equals", "value": "in"}]
        body = {"name": "In", "isDynamic": True, "rules": rules}
        segment = (await api.post("/customers/segments", body)).body
        before = await a_customer(api, notes="in")
        row = {name: before[name] for name in ("email", "firstName", "lastName")}
        outcomes = await upsert(api, row | {"notes": "out"}, new_customer(notes="in"))
        answer = await api.get(f"/customers?segment_id={segment['id']}")
        assert [one["id"] for one in answer.body["customers"]] == [outcomes[1]["id"]]
