"""What callers get wrong together is told together, and what they say twice must agree."""

import pytest

from tests.contract.api.steps import ADDRESS, COMMUNICATION, a_customer, at
from tests.support.api_client import Api

EURO = {"orderId": "o-1", "totalAmount": 1, "currency": "EUR"}
STRICT: dict[str, str | None] = {"Prefer": "handling=strict"}


class TogetherContract:
    async def test_a_malformed_path_and_bad_fields_are_named_at_once(self, api: Api) -> None:
        answer = await api.post("/customers/nobody/notes", {"note": 5})
        assert answer.told == (
            400,
            "VALIDATION_FAILED",
            frozenset({("customerId", "INVALID_FORMAT"), ("note", "INVALID_TYPE")}),
        )

    @pytest.mark.parametrize("currency", ["EUR", 5, True, [], {}])
    async def test_a_wrong_currency_is_the_code_beside_a_malformed_path(
        self, api: Api, currency: object
    ) -> None:
        body = EURO | {"currency": currency}
        answer = await api.post("/customers/nobody/record-order", body)
        assert (answer.status, answer.code) == (400, "CURRENCY_MISMATCH")
        assert answer.fields == {"customerId", "currency"}

    async def test_a_missing_tenant_and_bad_fields_are_named_at_once(self, api: Api) -> None:
        nobody: dict[str, str | None] = {"X-Tenant-ID": None}
        answer = await api.post("/customers", {"email": 5}, headers=nobody)
        assert (answer.status, answer.code) == (400, "TENANT_REQUIRED")
        assert answer.pointers == {"/email", "/firstName", "/lastName"}
        answer = await api.post(f"{await at(api)}/record-order", EURO, headers=nobody)
        assert (answer.status, answer.code) == (400, "CURRENCY_MISMATCH")

    async def test_an_order_number_told_by_a_repeat_is_kept(self, api: Api) -> None:
        customer = await at(api)
        order = {"orderId": "o-1", "totalAmount": 1, "orderDate": "2026-01-01T00:00:00Z"}
        before = (await api.post(f"{customer}/record-order", order)).body["customer"]
        again = await api.post(f"{customer}/record-order", order | {"orderNumber": "A-7"})
        assert (again.body["duplicate"], again.body["customer"]) == (True, before)
        await api.post(f"{customer}/record-order", order | {"orderNumber": "B-8"})
        assert (await api.get(f"{customer}/orders")).body[0]["orderNumber"] == "A-7"

    async def test_a_tenant_given_twice_in_the_query_is_refused(self, api: Api) -> None:
        tenant = f"tenant_id={api.tenant}"
        assert (await api.get(f"/customers?{tenant}&{tenant}")).status == 400

    async def test_two_sizes_of_a_page_must_agree_as_they_are_written(self, api: Api) -> None:
        assert (await api.get("/customers?limit=500&page_size=100")).status == 400
        assert (await api.get("/customers?limit=500&page_size=500")).body["pageSize"] == 100

    async def test_a_blank_type_of_address_is_shipping(self, api: Api) -> None:
        body = ADDRESS | {"addressType": "  "}
        answer = await api.post(f"{await at(api)}/addresses", body)
        assert answer.body["data"]["addressType"] == "SHIPPING"

    @pytest.mark.parametrize("call", [("DELETE", ""), ("POST", "/restore")])
    async def test_strict_handling_looks_into_a_body_that_is_not_needed(
        self, api: Api, call: tuple[str, str]
    ) -> None:
        (method, rest), customer = call, await at(api)
        answer = await api.send(method, customer + rest, {"nonsense": 1}, headers=STRICT)
        assert (answer.status, answer.pointers) == (400, {"/nonsense"})
        assert (await api.get(customer)).status == 200

    async def test_a_cursor_knows_its_filters_in_any_spelling(self, api: Api) -> None:
        for _ in range(2):
            await a_customer(api)
        first = await api.get("/customers?cursor=&page_size=1&status=active")
        rest = f"cursor={first.body['nextCursor']}&page_size=1"
        assert (await api.get(f"/customers?{rest}&status=ACTIVE&sort_by=created_at")).status == 200
        assert (await api.get(f"/customers?{rest}")).status == 400

    async def test_a_journal_cursor_knows_its_filters_in_any_spelling(self, api: Api) -> None:
        path = f"{await at(api)}/communications"
        for _ in range(2):
            await api.post(path, COMMUNICATION)
        first = await api.get(f"{path}?type=email&limit=1")
        following = first.link("next")
        assert following is not None
        assert (await api.get(following.replace("type=email", "type=EMAIL"))).status == 200
        assert (await api.get(following.replace("type=email", "type=sms"))).status == 400
