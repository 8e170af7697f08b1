"""Callers with API keys on both interfaces, the first key of a test, and what is never shown."""

from collections.abc import AsyncIterator
from uuid import uuid4

import grpc
import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrderResponse
from tests.support.builders import USD, a_customer, a_tenant
from tests.support.grpc_service import an_order, failure, reason
from tests.support.key_steps import BEHIND_GATEWAY, bearer
from tests.support.memory_service import MemoryService, memory_service


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def service(storage: MemoryStorage) -> AsyncIterator[MemoryService]:
    async with memory_service(storage, **BEHIND_GATEWAY) as service:
        yield service


async def a_key(service: MemoryService, *permissions: str) -> str:
    body = {"tenantId": service.tenant, "permissions": list(permissions)}
    key: str = (await service.call("POST", "/keys", body))["key"]
    return key


async def record(service: MemoryService, key: str, **fields: str) -> RecordOrderResponse:
    """Records an order of an unknown customer, unless `fields` say otherwise."""
    order = an_order(**{"customer_id": str(uuid4()), "tenant_id": service.tenant, **fields})
    metadata = (("authorization", f"Bearer {key}"),)
    return await service.stub.RecordOrder(order, metadata=metadata)


async def test_a_test_makes_its_first_key(service: MemoryService) -> None:
    body = {
        "tenantId": service.tenant,
        "permissions": ["keys:manage", "orders:view"],
        "name": "first",
        "expiresAt": "2026-02-01T00:00:00Z",
    }
    created = await service.send("POST", "/keys", body)
    assert created.status == 201
    assert created.body["tenantId"] == service.tenant
    assert created.body["createdAt"] == "2026-01-15T09:00:00Z"
    headers = bearer(created.body["key"])
    listed = (await service.api.get("/keys", headers=headers)).body
    assert [(key["id"], key["name"]) for key in listed] == [(created.body["id"], "first")]
    second = {"permissions": ["orders:view"]}
    assert (await service.api.post("/keys", second, headers=headers)).status == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"permissions": ["*"]}, "/tenantId"),
        ({"permissions": ["*"], "tenantId": "a tenant"}, "/tenantId"),
        ({"permissions": ["fly"], "tenantId": "shop-1"}, "/permissions"),
    ],
)
async def test_a_bad_first_key_is_refused(
    service: MemoryService, body: dict[str, object], pointer: str
) -> None:
    assert (await service.send("POST", "/keys", body)).pointers == {pointer}


async def test_the_call_log_does_not_show_a_key(service: MemoryService) -> None:
    key = await a_key(service, "keys:manage")
    created = await service.api.post("/keys", {"permissions": ["keys:manage"]}, headers=bearer(key))
    [call] = await service.recorded_calls("createKey")
    assert call["answer"] == {**created.body, "key": "***"}
    calls = await service.send("GET", "/requests")
    for text in (key, created.body["key"]):
        assert text.rpartition("_")[2] not in calls.raw.decode()


async def test_a_snapshot_holds_keys_without_their_secrets(
    service: MemoryService, capfd: pytest.CaptureFixture[str]
) -> None:
    key = await a_key(service, "customers:view")
    snapshot = await service.send("GET", "/snapshot")
    assert key.rpartition("_")[2] not in snapshot.raw.decode()
    await service.call("POST", f"/reset?tenant_id={service.tenant}")
    refused = await service.api.get("/customers", headers=bearer(key))
    assert refused.error == (401, "INVALID_TOKEN")
    await service.call("PUT", "/snapshot", snapshot.body)
    assert (await service.api.get("/customers", headers=bearer(key))).status == 200
    assert key.rpartition("_")[2] not in "".join(capfd.readouterr())


async def test_a_key_calls_over_grpc(service: MemoryService, storage: MemoryStorage) -> None:
    customer = a_customer(tenant_id=service.tenant)
    await storage.autocommit(service.tenant).add_customer(customer)
    key = await a_key(service, "orders:record")
    answer = await record(service, key, customer_id=str(customer.id))
    assert answer.statistics.total_orders == 1


async def test_over_grpc_a_key_does_what_its_permissions_say(service: MemoryService) -> None:
    code, status = await failure(record(service, await a_key(service, "orders:view")))
    assert (code, reason(status)) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_over_grpc_a_key_is_of_its_tenant(service: MemoryService) -> None:
    key = await a_key(service, "*")
    code, status = await failure(record(service, key, tenant_id=a_tenant()))
    assert (code, reason(status)) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_FORBIDDEN")


async def test_over_grpc_a_revoked_key_is_refused(
    service: MemoryService, storage: MemoryStorage
) -> None:
    key = await a_key(service, "*")
    [stored] = storage.dump()[service.tenant]["apiKeys"]
    revoked = await service.api.delete(f"/keys/{stored['id']}", headers=bearer(key))
    assert revoked.status == 200
    code, status = await failure(record(service, key))
    assert (code, reason(status)) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")


async def test_over_grpc_what_is_no_key_is_refused(service: MemoryService) -> None:
    code, status = await failure(record(service, f"csk_{uuid4()}_{'0' * 64}"))
    assert (code, reason(status)) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")


async def test_without_the_storage_nobody_knows_a_key(
    service: MemoryService, storage: MemoryStorage
) -> None:
    key = await a_key(service, "*")
    await storage.close()
    refused = await service.api.get("/customers", headers=bearer(key))
    assert refused.error == (503, "STORAGE_UNAVAILABLE")
    code, _ = await failure(record(service, key))
    assert code == grpc.StatusCode.UNAVAILABLE
