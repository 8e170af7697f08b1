"""Everything that is kept of a person, as one document."""

from decimal import Decimal
from typing import Any

import pytest

from customers.core.ports.storage import Storage
from customers.entrypoints.config.access_values import AuthModes, Networks
from customers.entrypoints.http.answer_size import MAX_ANSWER_BYTES
from tests.support.api_client import Answer, Api, serving
from tests.support.api_steps import (
    BIG_SPENDERS,
    REASON,
    USER,
    a_communication,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    assign,
    created,
    customer_path,
    id_of,
    new_customer,
    select,
)
from tests.support.builders import a_note as a_note_value
from tests.support.builders import an_entry
from tests.support.storage_steps import a_stored_customer, add_notes, save_entries

TABLES = {
    "customers",
    "customer_addresses",
    "customer_payment_methods",
    "customer_segment_assignments",
    "customer_segment_members",
    "customer_segment_changes",
    "customer_segment_pending_changes",
    "customer_notes",
    "customer_communications",
    "customer_orders",
    "customer_refunds",
    "customer_email_verifications",
}
CUSTOMER = {
    "firstName": "first canary",
    "lastName": "last canary",
    "phone": "+1 555 010 777",
    "dateOfBirth": "1977-04-30T00:00:00Z",
    "country": "country canary",
    "countryCode": "XK",
    "avatarUrl": "https://example.test/canary.png",
    "tags": ["tag canary"],
    "notes": "notes canary",
    "marketingOptIn": True,
    "userId": USER,
}
STAFF = {"x-jwt-claim-sub": USER}


async def export(api: Api, customer: str, **options: Any) -> Answer:
    return await api.get(f"{customer}/personal-data", **options)


async def tables_of(api: Api, customer: str) -> dict[str, list[dict[str, Any]]]:
    answer = await export(api, customer)
    assert answer.status == 200, answer
    return dict(answer.body["data"])


async def a_customer_with_everything(api: Api) -> str:
    customer = await customer_path(api, **CUSTOMER)
    await an_address(api, customer, addressLine2="address canary")
    await a_method(api, customer, gatewayPaymentMethodId="pm_0123456789_4711", lastFour="1234")
    await a_note(api, customer, "note canary")
    await a_communication(api, customer, subject="subject canary", content="content canary")
    await an_order(api, customer, "o-1", 12.5, orderNumber="number canary")
    refund = {"refundId": "r-1", "amount": 2.5}
    assert (await api.post(f"{customer}/orders/o-1/refunds", refund)).status == 200
    stub = {"refundId": "r-2", "amount": 1}
    assert (await api.post(f"{customer}/orders/o-2/refunds", stub)).status == 200
    assert (await api.post(f"{customer}/lock", REASON, headers=STAFF)).status == 200
    return customer


class PersonalDataContract:
    async def test_the_document_names_the_customer_and_every_table(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await export(api, customer)
        body = answer.body
        assert (body["customerId"], body["tenantId"]) == (id_of(customer), api.tenant)
        assert set(body) == {"customerId", "tenantId", "generatedAt", "data"}
        assert set(body["data"]) == TABLES
        filled = {table for table, rows in body["data"].items() if rows}
        assert filled == {"customers"}

    async def test_it_is_a_file_to_be_saved(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await export(api, customer)
        file = f'attachment; filename="customer-{id_of(customer)}.json"'
        assert answer.headers["Content-Disposition"] == file
        assert answer.headers["Content-Type"] == "application/json"

    async def test_every_value_is_in_it_as_it_is_kept(self, api: Api) -> None:
        customer = await a_customer_with_everything(api)
        tables = await tables_of(api, customer)
        [row] = tables["customers"]
        assert select(row, CUSTOMER) == CUSTOMER
        assert (row["lockReason"], row["lockedBy"]) == (REASON["reason"], USER)
        assert (row["status"], row["emailVerified"], row["totalOrders"]) == ("BLOCKED", False, 1)
        assert tables["customer_addresses"][0]["addressLine2"] == "address canary"
        assert tables["customer_notes"][0]["note"] == "note canary"
        [mail] = tables["customer_communications"]
        assert (mail["subject"], mail["content"]) == ("subject canary", "content canary")
        order, stub = tables["customer_orders"]
        assert (order["orderNumber"], order["totalAmount"]) == ("number canary", Decimal("12.50"))
        assert (stub["orderId"], stub["totalAmount"]) == ("o-2", None)
        refunds = [(one["orderId"], one["amount"]) for one in tables["customer_refunds"]]
        assert refunds == [("o-1", Decimal("2.50")), ("o-2", Decimal("1.00"))]

    async def test_payment_tokens_are_masked(self, api: Api) -> None:
        customer = await a_customer_with_everything(api)
        await a_method(api, customer, gatewayPaymentMethodId="short_4712")
        answer = await export(api, customer)
        methods = answer.body["data"]["customer_payment_methods"]
        assert {one["gatewayPaymentMethodId"] for one in methods} == {"***4711", "***"}
        assert "1234" in {one["lastFour"] for one in methods}
        assert b"pm_0123456789" not in answer.raw

    async def test_a_member_of_a_segment_sees_it_by_name_and_since_when(self, api: Api) -> None:
        customer = await customer_path(api)
        manual = await a_segment(api, name="Friends")
        dynamic = await a_segment(api, name="Big spenders", rules=BIG_SPENDERS)
        await a_segment(api, name="Others")
        await assign(api, manual, {"id": id_of(customer)})
        await an_order(api, customer, "o-1", 2_000)
        tables = await tables_of(api, customer)
        names = {one["segmentName"]: one["segmentId"] for one in tables["customer_segment_members"]}
        assert names == {"Friends": manual["id"], "Big spenders": dynamic["id"]}
        [assignment] = tables["customer_segment_assignments"]
        assert assignment["segmentId"] == manual["id"]
        since = {one["segmentName"]: one["since"] for one in tables["customer_segment_members"]}
        assert since["Friends"] == assignment["assignedAt"]

    async def test_the_feed_says_since_when_a_customer_is_in_a_segment(self, api: Api) -> None:
        customer = await customer_path(api)
        segment = await a_segment(api, rules=BIG_SPENDERS)
        await an_order(api, customer, "o-1", 2_000)
        feed = await api.get(f"/customers/segments/{segment['id']}/changes")
        [change] = feed.body["changes"]
        tables = await tables_of(api, customer)
        [member] = tables["customer_segment_members"]
        assert member["since"] == change["at"]
        [entered] = tables["customer_segment_changes"]
        assert (entered["entered"], entered["segmentId"]) == (True, segment["id"])

    async def test_a_deleted_customer_is_exported(self, api: Api) -> None:
        customer = await a_customer_with_everything(api)
        before = await tables_of(api, customer)
        await api.delete(customer)
        tables = await tables_of(api, customer)
        [row] = tables["customers"]
        assert (row["email"], row["deletedAt"] is None) == (before["customers"][0]["email"], False)
        for table in ("customer_notes", "customer_orders", "customer_payment_methods"):
            assert tables[table] == before[table]

    async def test_an_erased_customer_and_an_unknown_one_are_not_found(self, api: Api) -> None:
        customer = await a_customer_with_everything(api)
        await api.delete(f"{customer}?mode=erase")
        erased = await export(api, customer)
        unknown = await export(api, f"/customers/{an_unknown_id()}")
        assert erased.error == unknown.error == (404, "CUSTOMER_NOT_FOUND")
        assert erased.body == unknown.body

    async def test_another_tenants_customer_is_not_found(self, api: Api) -> None:
        customer = await customer_path(api)
        answer = await export(api.of_tenant(f"{api.tenant}-2"), customer)
        unknown = await export(api, f"/customers/{an_unknown_id()}")
        assert (answer.status, answer.body) == (404, unknown.body)

    async def test_others_are_not_in_it(self, api: Api) -> None:
        customer = await customer_path(api)
        await a_customer_with_everything(api)
        answer = await export(api, customer)
        assert b"canary" not in answer.raw
        assert {table for table, rows in answer.body["data"].items() if rows} == {"customers"}

    async def test_a_customer_with_3000_orders_is_complete(
        self, api: Api, storage: Storage
    ) -> None:
        customer = await a_stored_customer(storage, api.tenant)
        ids = [f"order-{number}" for number in range(3_000)]
        await save_entries(storage, customer, *(an_entry(customer, order_id=id) for id in ids))
        tables = await tables_of(api, f"/customers/{customer.id}")
        assert sorted(one["orderId"] for one in tables["customer_orders"]) == sorted(ids)
        assert len(tables["customer_orders"]) == 3_000

    async def test_an_answer_larger_than_others_may_be_is_complete(
        self, api: Api, storage: Storage
    ) -> None:
        customer = await a_stored_customer(storage, api.tenant)
        notes = [a_note_value(customer, note=f"{number}" + "x" * 9_000) for number in range(600)]
        await add_notes(storage, customer, *notes)
        answer = await export(api, f"/customers/{customer.id}")
        assert len(answer.raw) > MAX_ANSWER_BYTES
        shown = {one["note"] for one in answer.body["data"]["customer_notes"]}
        assert shown == {note.note for note in notes}

    @pytest.mark.parametrize(
        ("permissions", "status"), [("customers:view", 403), ("customers:export", 200)]
    )
    async def test_it_needs_the_permission_to_export(
        self, api: Api, storage: Storage, permissions: str, status: int
    ) -> None:
        customer = created(await api.post("/customers", new_customer()))
        claims = {
            "x-jwt-claim-sub": USER,
            "x-jwt-claim-tenant-id": api.tenant,
            "x-jwt-claim-permissions": permissions,
        }
        auth, peers = AuthModes.parse("gateway"), Networks.parse("127.0.0.1/32")
        async with serving(storage, tenant=api.tenant, auth=auth, gateway_peers=peers) as guarded:
            answer = await export(guarded, f"/customers/{customer['id']}", headers=claims)
        assert answer.status == status
        if status == 403:
            assert answer.code == "PERMISSION_DENIED"
            assert "customers:export" in answer.body["message"]
