"""Tokens that the test API makes: who their bearers are, and what they may do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from customers.entrypoints.config.access_values import AuthModes
from tests.support.access import behind_gateway
from tests.support.api_client import Answer
from tests.support.grpc_service import an_order, usd
from tests.support.memory_service import MemoryService, memory_service
from tests.support.tokens import a_signer, jwks_file

JWT = AuthModes(("jwt",))
ADA = {"email": "ada@example.test", "firstName": "Ada", "lastName": ""}


@pytest.fixture
async def service() -> AsyncIterator[MemoryService]:
    async with memory_service(auth=JWT) as service:
        yield service


async def make(service: MemoryService, kind: str, **request: Any) -> Answer:
    return await service.send("POST", "/tokens", {"kind": kind, **request})


async def authorization(service: MemoryService, kind: str, **request: Any) -> str:
    """The Authorization header of a caller, of the service's tenant unless it is a service."""
    if kind != "service":
        request = {"tenantId": service.tenant, **request}
    answer = await make(service, kind, **request)
    assert answer.status == 201, answer
    assert answer.body["authorization"] == f"Bearer {answer.body['token']}"
    return str(answer.body["authorization"])


async def get(service: MemoryService, token: str | None, path: str = "/customers") -> Answer:
    return await service.api.send("GET", path, headers={"Authorization": token})


async def test_without_a_token_every_call_is_401(service: MemoryService) -> None:
    assert (await get(service, None)).code == "AUTHENTICATION_REQUIRED"


async def test_staff_may_do_what_the_token_permits(service: MemoryService) -> None:
    token = await authorization(service, "staff", permissions=["customers:view"])
    assert (await get(service, token)).status == 200
    headers: dict[str, str | None] = {"Authorization": token}
    answer = await service.api.send("POST", "/customers", ADA, headers=headers)
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")


async def test_roles_permit_too(service: MemoryService) -> None:
    token = await authorization(service, "staff", roles=["viewer"])
    assert (await get(service, token)).status == 200


async def test_staff_of_another_tenant_is_403(service: MemoryService) -> None:
    request = {"permissions": ["*"], "tenantId": "other", "tenants": ["third"]}
    token = await authorization(service, "staff", **request)
    assert (await get(service, token)).code == "TENANT_FORBIDDEN"
    assert (await get(service.of_tenant("third"), token)).status == 200


async def test_a_service_acts_for_every_tenant(service: MemoryService) -> None:
    token = await authorization(service, "service", permissions=["customers:view"])
    for one in (service, service.of_tenant("other")):
        assert (await get(one, token)).status == 200


async def test_a_shopper_has_own_data_only(service: MemoryService) -> None:
    staff = await authorization(service, "staff", permissions=["*"])
    headers: dict[str, str | None] = {"Authorization": staff}
    customer = await service.api.send("POST", "/customers", ADA, headers=headers)
    request = {"email": "ada@example.test", "emailVerified": True}
    shopper = await authorization(service, "shopper", **request)
    own = await get(service, shopper, "/storefront/customers/me")
    assert own.body["customerId"] == customer.body["id"]
    assert (await get(service, shopper)).code == "PERMISSION_DENIED"
    stranger = await authorization(service, "shopper", email="ada@example.test")
    assert (await get(service, stranger, "/storefront/customers/me")).status == 404


async def test_an_expired_token_is_401(service: MemoryService) -> None:
    token = await authorization(service, "staff", permissions=["*"], expiresIn=-61)
    answer = await get(service, token)
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
    assert "the token has expired" in str(answer.body)


async def test_a_token_expires_by_the_clock_of_the_service(service: MemoryService) -> None:
    token = await authorization(service, "staff", permissions=["*"], expiresIn=120)
    assert (await get(service, token)).status == 200
    await service.call("POST", "/clock/advance", {"seconds": 181})
    assert (await get(service, token)).code == "INVALID_TOKEN"


async def test_a_token_works_over_grpc(service: MemoryService) -> None:
    order = an_order("00000000-0000-7000-8000-000000000000", order_total=usd(5))
    order.tenant_id = service.tenant
    codes = []
    for permission in ("customers:view", "orders:record"):
        token = await authorization(service, "staff", permissions=[permission])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.stub.RecordOrder(order, metadata=(("authorization", token),))
        codes.append(refused.value.code())
    assert codes == [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND]


async def test_the_claims_are_where_the_settings_say() -> None:
    names: dict[str, Any] = {
        "jwt_tenant_claim": "app.tenants",
        "jwt_permissions_claim": "app.may",
        "jwt_audience": "customers",
    }
    async with memory_service(auth=JWT, **names) as service:
        token = await authorization(service, "staff", permissions=["customers:view"])
        assert (await get(service, token)).status == 200
        assert (await get(service.of_tenant("other"), token)).code == "TENANT_FORBIDDEN"


async def test_sequential_subjects_differ(service: MemoryService) -> None:
    async with memory_service(auth=JWT, ids="sequential") as one:
        tokens = {await authorization(one, "shopper") for _ in range(2)}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("request_body", "pointer"),
    [
        ({"kind": "shopper", "permissions": ["customers:view"]}, "/permissions"),
        ({"kind": "shopper", "roles": ["viewer"]}, "/permissions"),
        ({"kind": "staff"}, "/permissions"),
        ({"kind": "staff", "permissions": ["customers:veiw"]}, "/permissions"),
        ({"kind": "staff", "permissions": ["*"], "tenants": ["*"]}, "/tenants"),
        ({"kind": "service", "tenantId": "shop"}, "/tenantId"),
        ({"kind": "robot"}, "/kind"),
        ({}, "/kind"),
        ({"kind": "shopper", "tenants": "shop"}, "/tenants"),
        ({"kind": "shopper", "tenants": ["shop"] * 51}, "/tenants"),
        ({"kind": "shopper", "expiresIn": "soon"}, "/expiresIn"),
    ],
)
async def test_a_contradictory_caller_is_400(
    service: MemoryService, request_body: dict[str, Any], pointer: str
) -> None:
    answer = await service.send("POST", "/tokens", request_body)
    assert answer.status == 400
    assert [detail["pointer"] for detail in answer.body["details"]] == [pointer]


async def test_a_service_that_authenticates_nobody_makes_no_token() -> None:
    async with memory_service() as service:
        answer = await make(service, "shopper")
    assert (answer.status, answer.code) == (409, "AUTHENTICATION_OFF")


async def test_a_service_with_the_keys_of_others_makes_no_token(tmp_path: Path) -> None:
    file = jwks_file(tmp_path, a_signer())
    for settings in ({"auth": JWT, "jwt_jwks_file": file}, behind_gateway()):
        async with memory_service(**settings) as service:
            answer = await make(service, "shopper")
        assert (answer.status, answer.code) == (409, "NO_SIGNING_KEY")


async def test_the_key_of_another_process_signs_nothing(service: MemoryService) -> None:
    async with memory_service(auth=JWT) as other:
        token = await authorization(other, "service", permissions=["*"])
    assert (await get(service, token)).code == "INVALID_TOKEN"


async def test_tokens_are_not_in_the_call_log(service: MemoryService) -> None:
    token = await authorization(service, "staff", permissions=["*"])
    await get(service, token)
    assert token.removeprefix("Bearer ") not in str(await service.call("GET", "/requests"))
