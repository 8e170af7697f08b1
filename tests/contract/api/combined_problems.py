"""Problems in several places are reported together; values sent twice must agree."""

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import ADDRESS, COMMUNICATION, a_customer, customer_path

EURO = {"orderId": "o-1", "totalAmount": 1, "currency": "EUR"}
STRICT: dict[str, str | None] = {"Prefer": "handling=strict"}


class CombinedProblemsContract:
    async def test_a_malformed_path_and_bad_fields_are_reported_at_once(self, api: Api) -> None:
        answer = await api.post("/customers/nobody/notes", {"note": 5})
        assert answer.problem == (
            400,
            "VALIDATION_FAILED",
            frozenset({("customerId", "INVALID_FORMAT"), ("note", "INVALID_TYPE")}),
        )

    @pytest.mark.parametrize("currency", ["EUR", 5, True, [], {}])
    async def test_a_wrong_currency_sets_the_code_despite_a_malformed_path(
        self, api: Api, currency: object
    ) -> None:
        body = EURO | {"currency": currency}
        answer = await api.post("/customers/nobody/record-order", body)
        assert answer.error == (400, "CURRENCY_MISMATCH")
        assert answer.fields == {"customerId", "currency"}

    async def test_a_missing_tenant_and_bad_fields_are_reported_at_once(self, api: Api) -> None:
        no_tenant: dict[str, str | None] = {"X-Tenant-ID": None}
        answer = await api.post("/customers", {"email": 5}, headers=no_tenant)
        assert answer.error == (400, "TENANT_REQUIRED")
        assert answer.pointers == {"/email", "/firstName", "/lastName"}
        answer = await api.post(f"{await customer_path(api)}/record-order", EURO, headers=no_tenant)
        assert answer.error == (400, "CURRENCY_MISMATCH")

    async def test_a_missing_tenant_and_bad_rules_are_reported_at_once(self, api: Api) -> None:
        no_tenant: dict[str, str | None] = {"X-Tenant-ID": None}
        body = {"name": "Regulars", "rules": [{"field": "height", "operator": "gt", "value": 1}]}
        answer = await api.post("/customers/segments", body, headers=no_tenant)
        assert answer.error == (400, "TENANT_REQUIRED")
        assert answer.pointers == {"/rules/0/field"}

    async def test_a_missing_tenant_and_bad_parameters_are_reported_at_once(self, api: Api) -> None:
        no_tenant: dict[str, str | None] = {"X-Tenant-ID": None}
        answer = await api.get("/customers?page=0&statuss=x&cursor=c", headers=no_tenant)
        assert answer.error == (400, "TENANT_REQUIRED")
        assert [detail["field"] for detail in answer.details] == ["tenantId", "page", "statuss"]
        answer = await api.get("/customers/batch", headers=no_tenant)
        assert answer.fields == {"tenantId", "ids"}

    async def test_a_malformed_path_and_bad_parameters_are_reported_at_once(self, api: Api) -> None:
        answer = await api.get("/customers/nobody/notes?limit=0&cursor=c")
        assert answer.fields == {"customerId", "limit"}

    async def test_a_missing_tenant_and_a_bad_batch_are_reported_at_once(self, api: Api) -> None:
        headers = STRICT | {"X-Tenant-ID": None}
        answer = await api.post("/customers/orders/batch", {"order": []}, headers=headers)
        assert answer.fields == {"tenantId", "orders", "order"}

    async def test_bad_parameters_are_reported_in_the_order_of_the_document(self, api: Api) -> None:
        names = "status min_total_spent sort_by sort_order page page_size".split()
        for listed in (names, names[::-1]):
            query = "&".join(f"{name}=%21" for name in listed)
            answer = await api.get(f"/customers?{query}")
            assert [detail["field"] for detail in answer.details] == names

    async def test_a_repeat_adds_a_missing_order_number(self, api: Api) -> None:
        customer = await customer_path(api)
        order = {"orderId": "o-1", "totalAmount": 1, "orderDate": "2026-01-01T00:00:00Z"}
        before = (await api.post(f"{customer}/record-order", order)).body["customer"]
        again = await api.post(f"{customer}/record-order", order | {"orderNumber": "A-7"})
        assert (again.body["duplicate"], again.body["customer"]) == (True, before)
        await api.post(f"{customer}/record-order", order | {"orderNumber": "B-8"})
        assert (await api.get(f"{customer}/orders")).body[0]["orderNumber"] == "A-7"

    async def test_a_repeated_tenant_in_the_query_is_refused(self, api: Api) -> None:
        tenant = f"tenant_id={api.tenant}"
        assert (await api.get(f"/customers?{tenant}&{tenant}")).status == 400

    async def test_limit_and_page_size_must_agree(self, api: Api) -> None:
        assert (await api.get("/customers?limit=500&page_size=100")).status == 400
        assert (await api.get("/customers?limit=500&page_size=500")).body["pageSize"] == 100

    async def test_a_blank_address_type_is_shipping(self, api: Api) -> None:
        body = ADDRESS | {"addressType": "  "}
        answer = await api.post(f"{await customer_path(api)}/addresses", body)
        assert answer.body["data"]["addressType"] == "SHIPPING"

    @pytest.mark.parametrize("call", [("DELETE", ""), ("POST", "/restore")])
    async def test_strict_handling_checks_an_optional_body(
        self, api: Api, call: tuple[str, str]
    ) -> None:
        (method, rest), customer = call, await customer_path(api)
        answer = await api.send(method, customer + rest, {"nonsense": 1}, headers=STRICT)
        assert (answer.status, answer.pointers) == (400, {"/nonsense"})
        assert (await api.get(customer)).status == 200

    async def test_a_cursor_accepts_its_filters_in_any_spelling(self, api: Api) -> None:
        for _ in range(2):
            await a_customer(api)
        first = await api.get("/customers?cursor=&page_size=1&status=active")
        rest = f"cursor={first.body['nextCursor']}&page_size=1"
        assert (await api.get(f"/customers?{rest}&status=ACTIVE&sort_by=created_at")).status == 200
        assert (await api.get(f"/customers?{rest}")).status == 400

    async def test_a_journal_cursor_accepts_its_filters_in_any_spelling(self, api: Api) -> None:
        path = f"{await customer_path(api)}/communications"
        for _ in range(2):
            await api.post(path, COMMUNICATION)
        first = await api.get(f"{path}?type=email&limit=1")
        following = first.link("next")
        assert following is not None
        assert (await api.get(following.replace("type=email", "type=EMAIL"))).status == 200
        assert (await api.get(following.replace("type=email", "type=sms"))).status == 400
