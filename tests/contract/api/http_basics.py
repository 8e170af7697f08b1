"""Paths, methods, parameters, headers and responses of every resource."""

import re
from uuid import UUID

import pytest

from tests.support.api_client import JSON, Api
from tests.support.api_steps import (
    a_customer,
    a_method,
    a_segment,
    an_address,
    an_order,
    assign,
    customer_path,
    id_of,
)

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
            ("/customers/segments/preview", "GET", {"POST"}),
            (f"/customers/{UUID(int=1)}/record-order", "PROPFIND", {"POST"}),
        ],
    )
    async def test_a_wrong_method_is_405_and_names_the_right_ones(
        self, api: Api, path: str, wrong: str, allowed: set[str]
    ) -> None:
        answer = await api.send(wrong, path)
        assert answer.error == (405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == allowed
        assert isinstance(answer.body["error"], str)

    @pytest.mark.parametrize(("snake", "camel"), CAMEL_AND_SNAKE)
    async def test_query_parameters_are_accepted_in_both_spellings(
        self, api: Api, snake: str, camel: str
    ) -> None:
        vip = await customer_path(api, customerType="VIP", firstName="Bob", email="b@example.test")
        await a_customer(api, firstName="Ann", email="c@example.test")
        await a_customer(api, firstName="Zoe", email="a@example.test")
        await an_order(api, vip, "o-1", 1)
        one, other = [(await api.get(f"/customers?{query}")).body for query in (snake, camel)]
        assert one == other
        assert one != (await api.get("/customers")).body

    async def test_every_get_answers_head_with_the_same_headers_and_no_body(self, api: Api) -> None:
        customer = await customer_path(api)
        address, segment = await an_address(api, customer), await a_segment(api)
        ids = {"addressId": address["id"], "segmentId": segment["id"]}
        for template in sorted({resource.canonical for resource in api.app.router.resources()}):
            path = template.replace("{customerId}", id_of(customer))
            path = re.sub(r"\{(\w+)\}", lambda name: ids.get(name[1], "x"), path)
            answer, head = [await api.send(method, path, base="") for method in ("GET", "HEAD")]
            assert head.status == answer.status, path
            for name in ("Content-Type", "ETag", "Link", "Cache-Control", "Allow"):
                assert head.headers.get(name) == answer.headers.get(name), path


class HeaderContract:
    @pytest.mark.parametrize("request_id", ["abc-123", "x", "y" * 128, "an id (1/2), told; by=me"])
    async def test_a_printable_request_id_is_returned(self, api: Api, request_id: str) -> None:
        for path in ("/customers", "/nowhere"):
            answer = await api.get(path, headers={"X-Request-Id": request_id})
            assert answer.headers["X-Request-Id"] == request_id

    @pytest.mark.parametrize("request_id", [None, "", "y" * 129, "a\tb", "caf\u00e9\u0085"])
    async def test_other_request_ids_are_replaced_by_a_new_one(
        self, api: Api, request_id: str | None
    ) -> None:
        answers = [
            await api.get("/customers", headers={"X-Request-Id": request_id}) for _ in range(2)
        ]
        ids = {answer.headers["X-Request-Id"] for answer in answers}
        assert len(ids) == 2
        assert request_id not in ids
        assert all(request_id.isprintable() and len(request_id) <= 128 for request_id in ids)

    async def test_only_responses_with_an_etag_may_be_cached(self, api: Api) -> None:
        customer = await customer_path(api)
        for path in ("/customers", "/customers/segments", f"{customer}/notes", "/nowhere"):
            assert (await api.get(path)).headers["Cache-Control"] == "no-store"
        answer = await api.get(customer)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        unchanged = await api.get(customer, headers={"If-None-Match": answer.headers["ETag"]})
        assert unchanged.headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("name", ODD_HEADERS)
    async def test_absurd_headers_are_ignored(self, api: Api, name: str) -> None:
        customer = await customer_path(api)
        odd: dict[str, str | None] = {name: ODD_HEADERS[name]}
        assert (await api.get(customer, headers=odd)).status == 200
        assert (await api.put(customer, {"phone": "1"}, headers=odd)).status == 200


class ResponseContract:
    async def test_every_write_answers_with_a_json_object(self, api: Api) -> None:
        customer = await a_customer(api)
        path = f"/customers/{customer['id']}"
        address, method = await an_address(api, path), await a_method(api, path)
        segment = await a_segment(api)
        answers = [
            await assign(api, segment, customer),
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
        customer = await customer_path(api)
        address, method = await an_address(api, customer), await a_method(api, customer)
        for value in (id_of(customer), address["id"], method["id"]):
            assert value == str(UUID(value))
            assert UUID(value).version == 7
