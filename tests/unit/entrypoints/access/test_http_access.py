"""Access over REST: which calls get 401 or 403, and what is open to everybody."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from attrs import evolve

from customers.core.model.permissions import Permission
from customers.entrypoints.observability import logs
from tests.support.access import behind_gateway, claims
from tests.support.api_client import PROBLEM, Answer
from tests.support.memory_service import MemoryService, memory_service
from tests.support.schema_check import the_document

ADA = {"email": "ada@example.test", "firstName": "Ada", "lastName": "Smith", "notes": "likes tea"}
SOME_ID = "0190a6b0-0000-7000-8000-000000000001"
REASON = {"reason": "for a good reason"}
OPERATIONS = [
    (method.upper(), path, operation)
    for path, item in the_document()["paths"].items()
    for method, operation in item.items()
    if path.startswith("/api/v1/")
]
OPEN = {operation["operationId"] for *_, operation in OPERATIONS if not operation["security"]}


def cases(*, for_staff: bool) -> list[Any]:
    """The operations that are not open, or those of them for staff, as parameters of a test."""
    return [
        pytest.param(*case, id=case[2]["operationId"])
        for case in OPERATIONS
        if case[2]["security"] and not (for_staff and "x-principal" in case[2])
    ]


async def send(
    service: MemoryService, method: str, template: str, headers: dict[str, str | None]
) -> Answer:
    path = re.sub(r"\{\w+\}", SOME_ID, template)
    body = b"{}" if method not in ("GET", "HEAD") else None
    options: dict[str, Any] = {} if body is None else {"body": body}
    return await service.api.send(method, path, headers=headers, base="", **options)


def test_only_the_token_of_a_mail_needs_nobody_to_be_known() -> None:
    assert {"verifyEmail"} == OPEN


def test_every_operation_names_its_permission_and_how_callers_show_who_they_are() -> None:
    operations = [spec for item in the_document()["paths"].values() for spec in item.values()]
    closed = [spec for spec in operations if spec["security"]]
    opened = {spec["operationId"] for spec in operations} - {s["operationId"] for s in closed}
    assert opened == {"verifyEmail", "getHealth", "getReadiness", "getLiveness"}
    shoppers = {"bearer", "gateway", "storefront"}
    for spec in closed:
        schemes = {name for scheme in spec["security"] for name in scheme or ("none",)}
        if spec["x-permission"] == "shopper":
            assert (schemes, spec["x-principal"]) == (shoppers, "shopper"), spec["operationId"]
        else:
            assert schemes == {"bearer", "gateway", "none"}, spec["operationId"]
            assert spec["x-permission"] in {permission.value for permission in Permission}
    assert {s["x-permission"] for s in closed if s["operationId"] == "getMetrics"} == {
        "service:observe"
    }


def test_operations_that_need_other_permissions_for_some_calls_name_them() -> None:
    named = {
        spec["operationId"]: spec[key]
        for _, _, spec in OPERATIONS
        for key in ("x-permission-by-query", "x-permission-by-body")
        if key in spec
    }
    assert named == {
        "deleteCustomer": {"mode=erase": "customers:erase"},
        "updateCustomer": {"status": "customers:lock"},
        "patchCustomer": {"status": "customers:lock"},
    }


@pytest.mark.parametrize(("method", "path", "operation"), cases(for_staff=False))
async def test_every_operation_refuses_who_is_nobody(
    stranger: MemoryService, method: str, path: str, operation: dict[str, Any]
) -> None:
    sent: list[dict[str, str | None]] = [
        {},
        claims("*", tenant=stranger.tenant),
        {"Authorization": "Basic YTpi"},
    ]
    for headers in sent:
        answer = await send(stranger, method, path, headers)
        assert answer.error == (401, "AUTHENTICATION_REQUIRED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "operation"), cases(for_staff=True))
async def test_every_operation_needs_its_permission(
    service: MemoryService, method: str, path: str, operation: dict[str, Any]
) -> None:
    needed = operation["x-permission"]
    others = sorted({permission.value for permission in Permission} - {needed})
    answer = await send(service, method, path, claims(*others, tenant=service.tenant))
    assert answer.error == (403, "PERMISSION_DENIED")
    assert needed in str(answer.body["message"])
    answer = await send(service, method, path, claims(needed, tenant=service.tenant))
    assert answer.status not in (401, 403), answer
    answer = await send(
        service, method, path, claims(needed, tenant="mine") | {"X-Tenant-ID": service.tenant}
    )
    assert answer.error == (403, "TENANT_FORBIDDEN")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/nothing"), ("PATCH", "/api/v1/customers"), ("GET", "/api/v1")],
)
async def test_who_is_nobody_does_not_learn_which_paths_there_are(
    stranger: MemoryService, service: MemoryService, method: str, path: str
) -> None:
    answer = await stranger.api.send(method, path, base="")
    assert answer.error == (401, "AUTHENTICATION_REQUIRED")
    answer = await service.api.send(method, path, base="", headers=claims(tenant="shop"))
    assert answer.status in (404, 405)


async def test_an_error_of_access_has_the_form_of_its_route(stranger: MemoryService) -> None:
    path = f"/customers/{SOME_ID}/addresses"
    assert (await stranger.api.get(path)).body["success"] is False
    assert isinstance((await stranger.api.get("/customers")).body["error"], str)
    answer = await stranger.api.get("/customers", headers={"Accept": PROBLEM})
    assert (answer.body["status"], answer.body["code"]) == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize("path", ["/live", "/ready", "/health"])
async def test_probes_are_open_to_everybody(stranger: MemoryService, path: str) -> None:
    assert (await stranger.api.get(path, base="")).status == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/openapi.yaml", "/metrics"])
async def test_documents_and_metrics_may_be_closed(path: str) -> None:
    settings = behind_gateway(public_docs="off", public_metrics="off")
    async with memory_service(**settings) as service:
        # The document describes these for development, where they are open.
        api = evolve(service.api, is_checked=False)
        answer = await api.get(path, base="", headers=claims("customers:view", tenant="shop"))
        assert answer.error == (403, "PERMISSION_DENIED")
        answer = await api.get(path, base="", headers=claims("service:observe", tenant="shop"))
        assert answer.status == 200


async def test_the_permission_is_checked_before_the_body_is_read(service: MemoryService) -> None:
    headers = claims("customers:view", tenant="shop")
    answer = await service.api.post("/customers", b"{" * 2_000_000, headers=headers)
    assert answer.error == (403, "PERMISSION_DENIED")
    headers = claims("customers:create", tenant="shop")
    answer = await service.api.post("/customers", b"{" * 2_000_000, headers=headers)
    assert answer.error == (413, "BODY_TOO_LARGE")


async def test_the_only_tenant_need_not_be_named(service: MemoryService) -> None:
    headers = claims("*", tenant=service.tenant)
    customer = (await service.api.post("/customers", ADA, headers=headers)).body
    assert customer["tenantId"] == service.tenant
    named = headers | {"X-Tenant-ID": service.tenant}
    assert (await service.api.get(f"/customers/{customer['id']}", headers=named)).status == 200


async def test_who_may_act_for_several_tenants_names_one(service: MemoryService) -> None:
    headers = claims("*", tenant="shop,mall")
    answer = await service.api.get("/customers", headers=headers)
    assert answer.error == (400, "TENANT_REQUIRED")
    for tenant, status in (("shop", 200), ("mall", 200), ("other", 403)):
        answer = await service.api.get("/customers", headers=headers | {"X-Tenant-ID": tenant})
        assert answer.status == status


@pytest.mark.parametrize("place", ["header", "query", "body"])
async def test_another_tenant_is_forbidden_wherever_it_is_named(
    service: MemoryService, place: str
) -> None:
    headers = claims("*", tenant="shop") | {"X-Tenant-ID": "mall" if place == "header" else None}
    query = "?tenant_id=mall" if place == "query" else ""
    body = ADA | ({"tenantId": "mall"} if place == "body" else {})
    answer = await service.api.post(f"/customers{query}", body, headers=headers)
    assert answer.error == (403, "TENANT_FORBIDDEN")


async def test_an_order_of_another_tenant_in_a_batch_has_an_outcome_of_its_own(
    service: MemoryService,
) -> None:
    headers = claims("*", tenant="shop,mall") | {"X-Tenant-ID": "shop"}
    orders = [{"tenantId": tenant} for tenant in ("other", "mall", "a,b", 7, "shop", "", None)]
    path, body = "/customers/orders/batch", {"orders": orders}
    answer = await service.api.post(path, body, headers=headers)
    outcomes = [(outcome["status"], outcome["code"]) for outcome in answer.body["outcomes"]]
    assert outcomes == [
        (403, "TENANT_FORBIDDEN"),
        (400, "TENANT_MISMATCH"),
        *[(400, "INVALID_TENANT")] * 2,
        *[(400, "VALIDATION_FAILED")] * 3,
    ]


async def test_orders_that_are_refused_in_a_batch_are_counted_and_share_a_line_of_the_log(
    service: MemoryService,
) -> None:
    logs.configure("info", as_json=True, stream=(stream := StringIO()))
    headers = claims("*", tenant="shop")
    orders = [{"tenantId": tenant, "orderId": "o-1"} for tenant in ("mall", "shop", "mall", "fair")]
    for body in ({"orders": orders}, {"orders": orders[1:2]}):
        await service.api.post("/customers/orders/batch", body, headers=headers)
    [line] = [json.loads(one) for one in stream.getvalue().splitlines() if "access refused" in one]
    assert (line["cause"], line["orders"], line["level"]) == ("tenant_forbidden", 3, "warning")
    assert not {"mall", "fair", "shop", "o-1"} & {str(value) for value in line.values()}
    text = (await service.api.get("/metrics", base="", headers=headers)).raw.decode()
    assert 'customers_access_refused_total{reason="tenant_forbidden"} 3.0' in text


async def test_the_claim_of_a_tenant_wins_over_the_header(service: MemoryService) -> None:
    """A caller cannot reach another tenant by a header beside the claims for its own tenant."""
    headers = claims("*", tenant="shop") | {"X-Tenant-ID": "mall"}
    assert (await service.api.get("/customers", headers=headers)).error == (403, "TENANT_FORBIDDEN")


async def test_a_change_of_status_needs_the_permission_to_lock(service: MemoryService) -> None:
    everything = claims("*", tenant="shop")
    customer = (await service.api.post("/customers", ADA, headers=everything)).body
    path, editor = f"/customers/{customer['id']}", claims("customers:edit", tenant="shop")
    for send_change in (service.api.put, service.api.patch):
        answer = await send_change(path, {"status": "BLOCKED"}, headers=editor)
        assert answer.error == (403, "PERMISSION_DENIED")
        assert "customers:lock" in answer.body["message"]
        same = {"status": "ACTIVE", "firstName": "Eva"}
        assert (await send_change(path, same, headers=editor)).status == 200
    locker = claims("customers:edit", "customers:lock", tenant="shop")
    answer = await service.api.put(path, {"status": "BLOCKED"}, headers=locker)
    assert answer.body["status"] == "BLOCKED"
    answer = await service.api.put(path, {"status": "ACTIVE"}, headers=editor)
    assert answer.error == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        ("", "customers:delete"),
        ("?mode=", "customers:delete"),
        ("?mode=erase", "customers:erase"),
        ("?MODE=%20ERASE", "customers:erase"),
    ],
)
async def test_deleting_and_erasing_are_two_permissions(
    service: MemoryService, query: str, needed: str
) -> None:
    everything = claims("*", tenant="shop")
    customer = (await service.api.post("/customers", ADA, headers=everything)).body
    path, others = f"/customers/{customer['id']}", sorted({*Permission} - {Permission(needed)})
    for refused in (["customers:view"], others):
        for of_one in (path, "/customers/no-id"):
            answer = await service.api.delete(
                of_one + query, headers=claims(*refused, tenant="shop")
            )
            assert answer.error == (403, "PERMISSION_DENIED")
            assert needed in answer.body["message"]
    assert (await service.api.get(path, headers=everything)).status == 200
    headers = claims(needed, tenant="shop")
    assert (await service.api.delete(path + query, headers=headers)).status == 200
    assert (await service.api.get(path, headers=everything)).status == 404


async def test_little_of_an_existing_customer_is_shown_to_who_may_not_view(
    service: MemoryService,
) -> None:
    creator = claims("customers:create", tenant="shop")
    created = await service.api.post("/customers", ADA, headers=creator)
    assert (created.status, created.body["notes"]) == (201, "likes tea")
    # The document describes the whole customer, which most callers get.
    api = evolve(service.api, is_checked=False)
    again = await api.post("/customers", ADA, headers=creator)
    assert (again.status, set(again.body)) == (
        200,
        {"id", "email", "firstName", "lastName", "phone", "status"},
    )
    viewer = claims("customers:create", "customers:view", tenant="shop")
    again = await service.api.post("/customers", ADA, headers=viewer)
    assert again.body == created.body


async def test_the_actor_is_the_subject(service: MemoryService) -> None:
    everything = claims("*", tenant="shop", subject=SOME_ID) | {"X-User-ID": SOME_ID[:-1] + "9"}
    customer = (await service.api.post("/customers", ADA, headers=everything)).body
    path = f"/customers/{customer['id']}"
    note = await service.api.post(f"{path}/notes", {"note": "hello"}, headers=everything)
    assert note.body["createdBy"] == SOME_ID
    locked = await service.api.post(f"{path}/lock", REASON, headers=everything)
    assert locked.body["data"]["lockedBy"] == SOME_ID
    service_account = claims("*", tenant="shop", subject="orders-service")
    note = await service.api.post(f"{path}/notes", {"note": "hello"}, headers=service_account)
    assert note.body["createdBy"] is None


async def test_refusals_are_counted_by_their_reason(service: MemoryService) -> None:
    await service.api.get("/customers", headers=claims(tenant="shop"))
    viewer = claims("customers:view", tenant="shop")
    await service.api.get("/customers", headers=viewer | {"X-Tenant-ID": "mall"})
    await service.api.send("GET", "/customers", headers=viewer | {"Authorization": "Bearer"})
    url = f"http://127.0.0.1:{service.api.port}/metrics"
    async with service.api.client.get(url) as response:
        text = await response.text()
    for reason in ("permission_denied", "tenant_forbidden", "invalid_token"):
        assert f'customers_access_refused_total{{reason="{reason}"}} 1.0' in text


async def test_a_claim_that_is_given_twice_is_a_401(service: MemoryService) -> None:
    url = f"http://127.0.0.1:{service.api.port}/api/v1/customers"
    headers = [("x-jwt-claim-tenant-id", "shop"), ("x-jwt-claim-tenant-id", "mall")]
    async with service.api.client.get(url, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == (
            'Bearer error="invalid_token", '
            'error_description="x-jwt-claim-tenant-id is given more than once"'
        )
