"""Malformed HTTP, and bodies by content type, coding and keys; their sizes are in `sizes.py`."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from tests.support.api_client import BASE, JSON, Api, decode_json
from tests.support.api_steps import ADDRESS, NOTE, an_unknown_id, customer_path, new_customer

NOT_HTTP = {
    "unknown method": b"BREW /api/v1/customers HTTP/1.1\r\nHost: x\r\n\r\n",
    "no HTTP at all": b"hello there\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "a line too long": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * 17_000 + b"\r\n\r\n",
    "a path too long": b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "an expectation": b"GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n",
}


async def exchange(api: Api, data: bytes) -> tuple[list[str], bytes]:
    """The header lines and the body of the response to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    length = next(line for line in head if line.lower().startswith("content-length"))
    body = await reader.readexactly(int(length.partition(":")[2]))
    writer.close()
    await writer.wait_closed()
    return head, body


class MalformedRequestContract:
    @pytest.mark.parametrize("request_text", NOT_HTTP, ids=NOT_HTTP)
    async def test_malformed_http_is_answered_in_the_form_of_other_errors(
        self, api: Api, request_text: str
    ) -> None:
        head, body = await exchange(api, NOT_HTTP[request_text])
        assert head[0].split()[1] in ("400", "404", "417", "431")
        names = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in head[1:]}
        assert names["content-type"].startswith(JSON)
        assert (names["cache-control"], names["x-content-type-options"]) == ("no-store", "nosniff")
        assert names["x-request-id"]
        assert decode_json(body).keys() >= {"error", "message", "code"}


class BodyContract:
    @pytest.mark.parametrize(
        "content_type",
        [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"],
    )
    async def test_a_body_of_another_content_type_is_415(
        self, api: Api, content_type: str | None
    ) -> None:
        answer = await api.post(
            "/customers", new_customer(), headers={"Content-Type": content_type}
        )
        assert answer.status == 415
        wrapped = await api.post(
            f"/customers/{an_unknown_id()}/addresses",
            ADDRESS,
            headers={"Content-Type": content_type},
        )
        assert (wrapped.status, wrapped.body["success"]) == (415, False)
        assert (await api.get("/customers")).body["total"] == 0

    @pytest.mark.parametrize(
        "content_type",
        [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8", "Application/JSON"],
    )
    async def test_json_is_accepted_with_or_without_a_charset(
        self, api: Api, content_type: str
    ) -> None:
        answer = await api.post(
            "/customers", new_customer(), headers={"Content-Type": content_type}
        )
        assert answer.status == 201

    async def test_merge_patch_is_a_content_type_of_patch_only(self, api: Api) -> None:
        content_type = {"Content-Type": "application/merge-patch+json"}
        customer = await customer_path(api)
        assert (await api.patch(customer, {"phone": "1"}, headers=content_type)).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers=content_type)).status == 415
        assert (await api.post("/customers", new_customer(), headers=content_type)).status == 415

    @pytest.mark.parametrize("levels", [201, 5_000])
    async def test_a_body_nested_too_deep_is_refused_as_too_deep(
        self, api: Api, levels: int
    ) -> None:
        body = b'{"rules":' + b"[" * levels + b"]" * levels + b"}"
        answer = await api.post("/customers/segments/preview", body)
        assert (answer.status, [detail["code"] for detail in answer.details]) == (400, ["TOO_DEEP"])

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, gzip", "x"])
    async def test_a_body_with_a_coding_is_415_whatever_it_holds(
        self, api: Api, coding: str
    ) -> None:
        customer = await customer_path(api)
        for body in (gzip.compress(b'{"note": "x"}'), b"not packed", b'{"note": "x"}'):
            answer = await api.post(f"{customer}/notes", body, headers={"Content-Encoding": coding})
            assert answer.error == (415, "UNSUPPORTED_MEDIA_TYPE")
        identity: dict[str, str | None] = {"Content-Encoding": "Identity"}
        assert (await api.post(f"{customer}/notes", NOTE, headers=identity)).status == 201

    @pytest.mark.parametrize(
        "body",
        [
            b'{"note": "x", "note": "y"}',
            b'{"note": "x", "other": {"a": 1, "\\u0061": 2}}',
            b'{"note": "x", "other": [[{"a": 1, "a": 1}]]}',
            b'{"tenantId": null, "note": "x", "tenantId": null}',
        ],
    )
    async def test_a_key_that_an_object_has_twice_is_refused(self, api: Api, body: bytes) -> None:
        customer = await customer_path(api)
        answer = await api.post(f"{customer}/notes", body)
        assert answer.problem == (400, "VALIDATION_FAILED", frozenset({("", "DUPLICATE_KEY")}))
        assert (await api.get(f"{customer}/notes")).body == []

    async def test_a_repeated_key_is_named_unless_it_may_be_a_number_of_somebody(
        self, api: Api
    ) -> None:
        for key, name in (("email", "the key email"), ("4111111111111111", "a key")):
            text = f'{{"{key}": 1, "{key}": 2}}'.encode()
            message = (await api.post("/customers", text)).body["message"]
            assert message == f"an object of the body has {name} more than once"

    async def test_a_body_sent_slowly_is_read_to_its_end(self, api: Api) -> None:
        customer = await customer_path(api)

        async def slowly() -> AsyncIterator[bytes]:
            for part in (b'{"no', b'te": "in pie', b'ces"}'):
                yield part
                await asyncio.sleep(0.01)

        url = f"http://127.0.0.1:{api.port}{BASE}{customer}/notes"
        headers = {"X-Tenant-ID": api.tenant, "Content-Type": JSON}
        async with api.client.post(url, data=slowly(), headers=headers) as response:
            assert response.status == 201
        assert (await api.get(f"{customer}/notes")).body[0]["note"] == "in pieces"

    @pytest.mark.parametrize(
        ("key", "missing"),
        [
            ("first_name", "firstName"),
            ("FirstName", "firstName"),
            ("firstname", "firstName"),
            ("firstNme", "firstName"),
            ("e-mail", "email"),
            ("last_name", "lastName"),
        ],
    )
    async def test_a_missing_field_names_the_key_that_was_probably_meant(
        self, api: Api, key: str, missing: str
    ) -> None:
        body = {"email": "ann@example.test", "firstName": "Ann", "lastName": "Lee"}
        body[key] = body.pop(missing)
        [detail] = (await api.post("/customers", body)).details
        assert (detail["field"], detail["code"]) == (missing, "REQUIRED")
        assert detail["message"] == f'is required: the body has "{key}", did you mean {missing}?'

    async def test_a_missing_order_id_names_its_other_spelling(self, api: Api) -> None:
        customer = await customer_path(api)
        body = {"order_id": "o-1", "total_amount": 1, "note": "x"}
        messages = [
            detail["message"]
            for detail in (await api.post(f"{customer}/record-order", body)).details
        ]
        assert messages == [
            'is required: the body has "order_id", did you mean orderId?',
            'is required: the body has "total_amount", did you mean totalAmount?',
        ]

    async def test_an_unknown_key_that_resembles_nothing_is_not_mentioned(self, api: Api) -> None:
        answer = await api.post("/customers", {"colour": "red"})
        assert {detail["message"] for detail in answer.details} == {"is required"}

    async def test_unknown_keys_are_ignored(self, api: Api) -> None:
        body = new_customer(loyaltyPoints=12, nested={"a": [1]}, **{"": None, "é\ud800": 1})
        answer = await api.post("/customers", body)
        assert answer.status == 201
        assert "loyaltyPoints" not in answer.body

    @pytest.mark.parametrize("prefer", ["handling=strict", "respond-async, Handling=Strict; foo"])
    async def test_unknown_keys_are_refused_with_strict_handling(
        self, api: Api, prefer: str
    ) -> None:
        body = new_customer(loyaltyPoints=12, vip=True)
        answer = await api.post("/customers", body, headers={"Prefer": prefer})
        assert (answer.status, answer.pointers) == (400, {"/loyaltyPoints", "/vip"})
        assert (await api.get("/customers")).body["total"] == 0

    async def test_strict_handling_accepts_every_known_key(self, api: Api) -> None:
        strict: dict[str, str | None] = {"Prefer": "handling=strict"}
        body = new_customer(tenantId=api.tenant, tags=["vip"], notes="x", countryCode="US")
        assert (await api.post("/customers", body, headers=strict)).status == 201
        customer = await customer_path(api)
        updated = await api.put(customer, {"status": "INACTIVE"}, headers=strict)
        assert updated.status == 200
        refused = await api.post(f"{customer}/addresses", ADDRESS | {"zip": "1"}, headers=strict)
        assert (refused.status, refused.pointers) == (400, {"/zip"})
