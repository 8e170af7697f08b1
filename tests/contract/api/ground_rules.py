"""Section 1: paths, names, headers, content types and sizes, whatever the resource is."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.api import BASE, Api, decoded
from tests.contract.api.steps import (
    ADDRESS,
    a_customer,
    a_method,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    at,
    new_customer,
    put_into,
)

MIB = 1024 * 1024
JSON = "application/json"
CAMEL_AND_SNAKE = [
    ("customer_type=VIP", "customerType=VIP"),
    ("page_size=1", "pageSize=1"),
    ("page_size=1", "limit=1"),
    ("sort_by=email", "sortBy=email"),
    ("sort_by=email&sort_order=asc", "sortBy=email&sortOrder=asc"),
    ("created_from=2026-01-16", "createdFrom=2026-01-16"),
    ("created_to=2026-01-14", "createdTo=2026-01-14"),
    ("min_total_spent=1", "minTotalSpent=1"),
    ("max_total_spent=0", "maxTotalSpent=0"),
]
ODD_HEADERS = {
    "Accept": "é;;;q=x,,*/*;q=7",
    "Prefer": ';;="',
    "If-None-Match": '"" W/ ,,\'',
    "X-JWT-Claim-Sub": "not an id",
    "X-User-ID": "'; drop table customers",
    "X-Request-Id": " ",
    "Accept-Encoding": "br;q=2, ,;",
    "Cookie": "=" * 4000,
}

NOT_HTTP = {
    "unknown method": b"BREW /api/v1/customers HTTP/1.1\r\nHost: x\r\n\r\n",
    "no HTTP at all": b"hello there\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "a line too long": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * 9000 + b"\r\n\r\n",
    "a path too long": b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "an expectation": b"GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n",
}


async def spoken(api: Api, sent: bytes) -> tuple[list[str], bytes]:
    """The lines of the head and the body of what comes back for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    length = next(line for line in head if line.lower().startswith("content-length"))
    body = await reader.readexactly(int(length.partition(":")[2]))
    writer.close()
    await writer.wait_closed()
    return head, body


class PathContract:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/customer",
            "/customers/",
            "/customers//addresses",
            "/Customers",
            "/%00",
            "/%ff",
        ],
    )
    async def test_an_unknown_path_is_404(self, api: Api, path: str) -> None:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = await api.send(method, path, headers={"X-Tenant-ID": None})
            assert (answer.status, isinstance(answer.body["error"], str)) == (404, True)

    async def test_a_path_outside_the_base_is_404(self, api: Api) -> None:
        for path in ("/customers", "/api/customers", "/api/v2/customers"):
            assert (await api.send("GET", path, base="")).status == 404

    @pytest.mark.parametrize(
        ("path", "wrong", "allowed"),
        [
            ("/customers", "DELETE", {"GET", "HEAD", "POST"}),
            ("/customers/batch", "PUT", {"GET", "HEAD"}),
            (f"/customers/{UUID(int=1)}", "POST", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
            (f"/customers/{UUID(int=1)}/lock", "GET", {"POST"}),
            (f"/customers/{UUID(int=1)}/addresses", "PATCH", {"GET", "HEAD", "POST"}),
            ("/customers/segments", "OPTIONS", {"GET", "HEAD", "POST"}),
            (f"/customers/{UUID(int=1)}/record-order", "PROPFIND", {"POST"}),
        ],
    )
    async def test_a_wrong_method_is_405_and_names_the_right_ones(
        self, api: Api, path: str, wrong: str, allowed: set[str]
    ) -> None:
        answer = await api.send(wrong, path)
        assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == allowed
        assert isinstance(answer.body["error"], str)

    @pytest.mark.parametrize(("snake", "camel"), CAMEL_AND_SNAKE)
    async def test_query_parameters_are_taken_in_both_spellings(
        self, api: Api, snake: str, camel: str
    ) -> None:
        vip = await at(api, customerType="VIP", firstName="Bob", email="b@example.test")
        await a_customer(api, firstName="Ann", email="c@example.test")
        await a_customer(api, firstName="Zoe", email="a@example.test")
        await an_order(api, vip, "o-1", 1)
        one, other = [(await api.get(f"/customers?{each}")).body for each in (snake, camel)]
        assert one == other
        assert one != (await api.get("/customers")).body

    async def test_every_get_answers_head_with_the_same_headers_and_no_body(self, api: Api) -> None:
        customer = await at(api)
        address, segment = await an_address(api, customer), await a_segment(api)
        known = {"addressId": address["id"], "segmentId": segment["id"]}
        for template in sorted({each.canonical for each in api.app.router.resources()}):
            path = template.replace("{customerId}", customer.rpartition("/")[2])
            path = re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "x"), path)
            got, head = [await api.send(method, path, base="") for method in ("GET", "HEAD")]
            assert head.status == got.status, path
            for name in ("Content-Type", "ETag", "Link", "Cache-Control", "Allow"):
                assert head.headers.get(name) == got.headers.get(name), path


class HeaderContract:
    @pytest.mark.parametrize("given", ["abc-123", "x", "y" * 128, "an id (1/2), told; by=me"])
    async def test_a_printable_request_id_comes_back(self, api: Api, given: str) -> None:
        for path in ("/customers", "/nowhere"):
            answer = await api.get(path, headers={"X-Request-Id": given})
            assert answer.headers["X-Request-Id"] == given

    @pytest.mark.parametrize("given", [None, "", "y" * 129, "a\tb", "caf\u00e9\u0085"])
    async def test_other_request_ids_are_replaced_by_a_new_one(
        self, api: Api, given: str | None
    ) -> None:
        answers = [await api.get("/customers", headers={"X-Request-Id": given}) for _ in range(2)]
        ids = {answer.headers["X-Request-Id"] for answer in answers}
        assert len(ids) == 2
        assert given not in ids
        assert all(each.isprintable() and len(each) <= 128 for each in ids)

    async def test_nothing_is_stored_on_the_way_but_what_has_an_etag(self, api: Api) -> None:
        customer = await at(api)
        for path in ("/customers", "/customers/segments", f"{customer}/notes", "/nowhere"):
            assert (await api.get(path)).headers["Cache-Control"] == "no-store"
        shown = await api.get(customer)
        assert shown.headers["Cache-Control"] == "private, no-cache"
        unchanged = await api.get(customer, headers={"If-None-Match": shown.headers["ETag"]})
        assert unchanged.headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("name", ODD_HEADERS)
    async def test_absurd_headers_do_no_harm(self, api: Api, name: str) -> None:
        customer = await at(api)
        odd: dict[str, str | None] = {name: ODD_HEADERS[name]}
        assert (await api.get(customer, headers=odd)).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers=odd)).status == 200


class ProtocolContract:
    @pytest.mark.parametrize("request_text", NOT_HTTP, ids=NOT_HTTP)
    async def test_what_no_handler_sees_is_answered_as_other_errors_are(
        self, api: Api, request_text: str
    ) -> None:
        head, body = await spoken(api, NOT_HTTP[request_text])
        assert head[0].split()[1] in ("400", "404", "417")
        names = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in head[1:]}
        assert names["content-type"].startswith(JSON)
        assert (names["cache-control"], names["x-content-type-options"]) == ("no-store", "nosniff")
        assert names["x-request-id"]
        assert decoded(body).keys() >= {"error", "message", "code"}


class BodyContract:
    @pytest.mark.parametrize(
        "kind",
        [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"],
    )
    async def test_a_body_of_another_content_type_is_415(self, api: Api, kind: str | None) -> None:
        answer = await api.post("/customers", new_customer(), headers={"Content-Type": kind})
        assert answer.status == 415
        wrapped = await api.post(
            f"/customers/{an_unknown_id()}/addresses", ADDRESS, headers={"Content-Type": kind}
        )
        assert (wrapped.status, wrapped.body["success"]) == (415, False)
        assert (await api.get("/customers")).body["total"] == 0

    @pytest.mark.parametrize(
        "kind", [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8", "Application/JSON"]
    )
    async def test_json_is_taken_with_its_charset_or_without(self, api: Api, kind: str) -> None:
        answer = await api.post("/customers", new_customer(), headers={"Content-Type": kind})
        assert answer.status == 201

    async def test_a_merge_patch_is_a_content_type_of_patch_alone(self, api: Api) -> None:
        kind = {"Content-Type": "application/merge-patch+json"}
        customer = await at(api)
        assert (await api.patch(customer, {"phone": "1"}, headers=kind)).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers=kind)).status == 415
        assert (await api.post("/customers", new_customer(), headers=kind)).status == 415

    async def test_a_body_over_a_mebibyte_is_413(self, api: Api) -> None:
        customer = await at(api)
        for method, path in (("POST", f"{customer}/notes"), ("PATCH", customer)):
            assert (await api.send(method, path, b" " * (MIB + 1))).status == 413
        answer = await api.post(f"{customer}/addresses", b" " * (MIB + 1))
        assert (answer.status, answer.body["success"]) == (413, False)

    async def test_a_body_of_a_mebibyte_is_read(self, api: Api) -> None:
        body = b'{"note": "x"}'
        answer = await api.post(f"{await at(api)}/notes", body + b" " * (MIB - len(body)))
        assert answer.status == 201

    async def test_a_body_that_unpacks_to_more_than_a_mebibyte_is_413(self, api: Api) -> None:
        packed = gzip.compress(b" " * (8 * MIB))
        answer = await api.post("/customers", packed, headers={"Content-Encoding": "gzip"})
        assert answer.status == 413

    async def test_a_packed_body_that_does_not_unpack_is_400(self, api: Api) -> None:
        packed = gzip.compress(b'{"note": "x"}')
        for broken in (b"not packed", packed[:-14], packed[:4] + b"\xff" * 20):
            for coding in ("gzip", "deflate"):
                answer = await api.post(
                    f"{await at(api)}/notes", broken, headers={"Content-Encoding": coding}
                )
                assert answer.status == 400, (coding, broken)

    async def test_a_body_that_comes_slowly_is_read_whole(self, api: Api) -> None:
        customer = await at(api)

        async def slowly() -> AsyncIterator[bytes]:
            for part in (b'{"no', b'te": "in pie', b'ces"}'):
                yield part
                await asyncio.sleep(0.01)

        url = f"http://127.0.0.1:{api.port}{BASE}{customer}/notes"
        headers = {"X-Tenant-ID": api.tenant, "Content-Type": JSON}
        async with api.client.post(url, data=slowly(), headers=headers) as response:
            assert response.status == 201
        assert (await api.get(f"{customer}/notes")).body[0]["note"] == "in pieces"

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

    async def test_strict_handling_takes_every_known_key(self, api: Api) -> None:
        strict: dict[str, str | None] = {"Prefer": "handling=strict"}
        body = new_customer(tenantId=api.tenant, tags=["vip"], notes="x", countryCode="US")
        assert (await api.post("/customers", body, headers=strict)).status == 201
        customer = await at(api)
        updated = await api.put(customer, {"status": "INACTIVE"}, headers=strict)
        assert updated.status == 200
        refused = await api.post(f"{customer}/addresses", ADDRESS | {"zip": "1"}, headers=strict)
        assert (refused.status, refused.pointers) == (400, {"/zip"})


class AnswerContract:
    async def test_every_write_answers_with_a_json_object(self, api: Api) -> None:
        customer = await a_customer(api)
        path = f"/customers/{customer['id']}"
        address, method = await an_address(api, path), await a_method(api, path)
        segment = await a_segment(api)
        answers = [
            await put_into(api, segment, customer),
            await api.delete(f"{path}/addresses/{address['id']}"),
            await api.delete(f"{path}/payment-methods/{method['id']}"),
            await an_order(api, path, "o-1", 1),
            await api.post(f"{path}/orders/o-1/cancel"),
            await api.delete(f"/customers/segments/{segment['id']}"),
            await api.delete(path),
            await api.post(f"{path}/restore"),
            await api.delete(f"{path}?mode=erase"),
        ]
        for answer in answers:
            assert (answer.status, type(answer.body)) == (200, dict)
            assert answer.headers["Content-Type"].partition(";")[0] == JSON

    async def test_ids_are_version_7_in_lower_case(self, api: Api) -> None:
        customer = await at(api)
        address, method = await an_address(api, customer), await a_method(api, customer)
        for given in (customer.rpartition("/")[2], address["id"], method["id"]):
            assert given == str(UUID(given))
            assert UUID(given).version == 7
