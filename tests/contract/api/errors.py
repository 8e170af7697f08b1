"""The three forms of an error, and its status."""

from typing import Any

import pytest

from tests.support.api_client import NOTHING, PROBLEM, Answer, Api
from tests.support.api_steps import (
    ADDRESS,
    NOTE,
    REASON,
    a_customer,
    a_segment,
    an_order,
    an_unknown_id,
    customer_path,
    new_method,
)

UNKNOWN_ID = "0190b2f0-0000-7000-8000-00000000dead"
UNKNOWN_CUSTOMER = f"/customers/{UNKNOWN_ID}"
PLAIN = [
    ("GET", UNKNOWN_CUSTOMER, NOTHING),
    ("GET", f"{UNKNOWN_CUSTOMER}/notes", NOTHING),
    ("GET", f"{UNKNOWN_CUSTOMER}/communications", NOTHING),
    ("GET", f"{UNKNOWN_CUSTOMER}/payment-methods", NOTHING),
    ("GET", f"{UNKNOWN_CUSTOMER}/orders", NOTHING),
    ("GET", f"{UNKNOWN_CUSTOMER}/segments", NOTHING),
    ("PUT", UNKNOWN_CUSTOMER, {}),
    ("PATCH", UNKNOWN_CUSTOMER, {}),
    ("DELETE", UNKNOWN_CUSTOMER, NOTHING),
    ("DELETE", f"{UNKNOWN_CUSTOMER}?mode=erase", NOTHING),
    ("POST", f"{UNKNOWN_CUSTOMER}/restore", NOTHING),
    ("POST", f"{UNKNOWN_CUSTOMER}/notes", NOTE),
    ("POST", f"{UNKNOWN_CUSTOMER}/payment-methods", new_method()),
    ("POST", f"{UNKNOWN_CUSTOMER}/record-order", {"orderId": "o-1", "totalAmount": 1}),
]
WRAPPED = [
    ("GET", f"{UNKNOWN_CUSTOMER}/addresses", NOTHING),
    ("POST", f"{UNKNOWN_CUSTOMER}/addresses", ADDRESS),
    ("GET", f"{UNKNOWN_CUSTOMER}/addresses/{UNKNOWN_ID}", NOTHING),
    ("POST", f"{UNKNOWN_CUSTOMER}/lock", REASON),
    ("POST", f"{UNKNOWN_CUSTOMER}/unlock", REASON),
]
BAD = [
    ("GET", "/customers/x/addresses", NOTHING),
    ("DELETE", f"{UNKNOWN_CUSTOMER}/addresses/x", NOTHING),
    ("GET", "/customers/batch", NOTHING),
    ("GET", "/customers/batch?ids=x", NOTHING),
    ("POST", "/customers/x/lock", REASON),
    ("POST", f"{UNKNOWN_CUSTOMER}/unlock", {}),
    ("POST", f"{UNKNOWN_CUSTOMER}/lock", b"{"),
]
STALE = {"If-Match": '"999"'}


def fields_and_pointers(answer: Answer) -> set[tuple[str, str | None]]:
    """The field and the pointer of each detail."""
    return {(detail["field"], detail.get("pointer")) for detail in answer.details}


class ErrorFormContract:
    @pytest.mark.parametrize(("method", "path", "body"), PLAIN)
    async def test_a_plain_error_has_error_message_and_code(
        self, api: Api, method: str, path: str, body: Any
    ) -> None:
        answer = await api.send(method, path, body)
        message = "customer not found"
        expected = {"error": message, "message": message, "code": "CUSTOMER_NOT_FOUND"}
        assert (answer.status, answer.body) == (404, expected)

    @pytest.mark.parametrize(("method", "path", "body"), WRAPPED)
    async def test_a_wrapped_error_has_an_error_object_and_a_message(
        self, api: Api, method: str, path: str, body: Any
    ) -> None:
        answer = await api.send(method, path, body)
        assert (answer.status, answer.body["success"]) == (404, False)
        message = "customer not found"
        assert answer.body["message"] == message
        assert answer.body["error"] == {"code": "CUSTOMER_NOT_FOUND", "message": message}

    @pytest.mark.parametrize(("method", "path", "body"), BAD)
    async def test_bad_input_has_a_wrapped_error_on_wrapped_routes(
        self, api: Api, method: str, path: str, body: Any
    ) -> None:
        answer = await api.send(method, path, body)
        assert (answer.status, answer.body["success"]) == (400, False)
        assert answer.body["error"]["details"]

    async def test_an_unknown_address_has_a_code_of_its_own(self, api: Api) -> None:
        path = f"{await customer_path(api)}/addresses/{an_unknown_id()}"
        for method, body in (
            ("GET", NOTHING),
            ("PUT", {}),
            ("PATCH", NOTHING),
            ("DELETE", NOTHING),
        ):
            answer = await api.send(method, path, body)
            assert answer.status == 404
            assert answer.body["error"]["code"] == "ADDRESS_NOT_FOUND"

    @pytest.mark.parametrize("path", ["", "/addresses", "/lock", "/record-order", "/notes"])
    async def test_every_error_is_a_problem_document_if_the_caller_accepts_one(
        self, api: Api, path: str
    ) -> None:
        for accepted in (PROBLEM, f"application/json, {PROBLEM};q=0.5", PROBLEM.upper()):
            accept: dict[str, str | None] = {"Accept": accepted}
            answer = await api.send("POST", UNKNOWN_CUSTOMER + path, {"x": 1}, headers=accept)
            assert answer.headers["Content-Type"].partition(";")[0] == PROBLEM
            assert answer.body["status"] == answer.status
            assert answer.body.keys() >= {"type", "title", "status", "detail"}
            assert "success" not in answer.body

    async def test_problem_documents_list_bad_fields(self, api: Api) -> None:
        answer = await api.post("/customers", {"email": 1}, headers={"Accept": PROBLEM})
        assert answer.status == 400
        assert answer.pointers == {"/email", "/firstName", "/lastName"}

    async def test_successful_responses_are_json_for_callers_that_accept_problem_documents(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        answer = await api.get(customer, headers={"Accept": PROBLEM})
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (
            200,
            "application/json",
        )

    async def test_bad_input_in_a_body_has_field_and_pointer(self, api: Api) -> None:
        plain = await api.put(await customer_path(api), {"status": "GONE", "firstName": 1})
        assert plain.status == 400
        assert plain.body["error"] == plain.body["message"]
        assert plain.pointers == {"/status", "/firstName"}
        wrapped = await api.post(
            f"{await customer_path(api)}/addresses", ADDRESS | {"city": 1, "label": []}
        )
        assert wrapped.body["error"]["details"]
        assert fields_and_pointers(wrapped) == {("city", "/city"), ("label", "/label")}


class ErrorStatusContract:
    @pytest.mark.parametrize(
        ("method", "part", "body"),
        [
            ("PUT", "", {"phone": "1"}),
            ("PATCH", "", {"phone": "1"}),
            ("DELETE", "", NOTHING),
            ("POST", "/lock", REASON),
        ],
    )
    async def test_a_stale_version_is_412_and_changes_nothing(
        self, api: Api, method: str, part: str, body: Any
    ) -> None:
        customer = await customer_path(api)
        before = await api.get(customer)
        answer = await api.send(method, customer + part, body, headers=STALE)
        assert answer.status == 412
        assert (await api.get(customer)).body == before.body
        fresh: dict[str, str | None] = {"If-Match": before.headers["ETag"]}
        assert (await api.send(method, customer + part, body, headers=fresh)).status == 200

    async def test_an_unlock_checks_the_version(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/lock", REASON)
        stale = await api.post(f"{customer}/unlock", REASON, headers=STALE)
        assert (stale.status, stale.body["success"]) == (412, False)
        fresh: dict[str, str | None] = {"If-Match": (await api.get(customer)).headers["ETag"]}
        assert (await api.post(f"{customer}/unlock", REASON, headers=fresh)).status == 200

    @pytest.mark.parametrize("tag", ['"x"', "nonsense", "1", 'W/"1"', '""', '"1'])
    async def test_an_etag_of_no_version_is_stale(self, api: Api, tag: str) -> None:
        answer = await api.put(await customer_path(api), {"phone": "1"}, headers={"If-Match": tag})
        assert answer.status == 412

    @pytest.mark.parametrize("tag", ["*", '"7", "1"', 'W/"1", "1"'])
    async def test_one_of_several_etags_must_match(self, api: Api, tag: str) -> None:
        answer = await api.put(await customer_path(api), {"phone": "1"}, headers={"If-Match": tag})
        assert answer.status == 200

    async def test_an_unknown_customer_is_404_with_any_version(self, api: Api) -> None:
        assert (await api.put(UNKNOWN_CUSTOMER, {}, headers=STALE)).status == 404
        assert (await api.delete(UNKNOWN_CUSTOMER, headers=STALE)).status == 404

    async def test_conflicts_have_their_codes(self, api: Api) -> None:
        one, other = await customer_path(api, email="ada@example.test"), await customer_path(api)
        await a_segment(api, name="Big")
        await an_order(api, one, "o-1", 1)
        refund = {"refundId": "r", "amount": 2}
        expected = {
            "EMAIL_TAKEN": await api.put(other, {"email": "Ada@example.test"}),
            "NOT_BLOCKED": await api.post(f"{one}/unlock", REASON),
            "SEGMENT_NAME_TAKEN": await api.post("/customers/segments", {"name": "BIG"}),
            "ORDER_CONFLICT": await api.post(f"{other}/orders/o-1/cancel"),
            "REFUND_EXCEEDS_ORDER": await api.post(f"{one}/orders/o-1/refunds", refund),
        }
        for code, answer in expected.items():
            assert answer.error == (409, code)

    async def test_errors_do_not_reveal_internals(self, api: Api) -> None:
        customer = await a_customer(api, email="ada@example.test")
        for path in (
            f"/customers/{customer['id']}x",
            f"{UNKNOWN_CUSTOMER}/notes",
            "/customers?page=x",
        ):
            text = (await api.get(path)).raw.decode().lower()
            for word in ("traceback", "select ", "asyncpg", 'file "', "exception", "python"):
                assert word not in text
