"""Tokens over REST and gRPC: who gets in, and what the others are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from grpc import StatusCode

from customers.entrypoints.config.access_values import AuthModes, PermissionNames
from customers.entrypoints.container.access import InvalidKeyFile
from tests.support.access import behind_gateway
from tests.support.grpc_service import an_order, failure, reason
from tests.support.memory_service import MemoryService, memory_service
from tests.support.tokens import AUDIENCE, ISSUER, a_signer, claims, jwks_file

SIGNER = a_signer()
EXPIRED = {"exp": claims()["iat"] - 70}


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[MemoryService]:
    settings = {
        "auth": AuthModes(("jwt",)),
        "jwt_jwks_file": jwks_file(folder, SIGNER),
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        **settings,
    }
    async with memory_service(**settings) as service:
        yield service


def bearer(service: MemoryService, **changes: Any) -> str:
    return f"Bearer {SIGNER.token(claims(**{'tenant_id': service.tenant, **changes}))}"


async def test_a_caller_with_a_token_does_what_its_permissions_say(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service)}
        assert (await service.api.get("/customers", headers=headers)).status == 200
        refused = await service.api.post("/customers", {}, headers=headers)
        assert refused.error == (403, "PERMISSION_DENIED")
        other = await service.of_tenant("another").api.get("/customers", headers=headers)
        assert other.error == (403, "TENANT_FORBIDDEN")


async def test_a_caller_without_a_token_is_asked_for_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        refused = await service.api.get("/customers")
    assert refused.error == (401, "AUTHENTICATION_REQUIRED")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (EXPIRED, "the token has expired"),
        ({"nbf": claims()["iat"] + 70}, "the token is not yet valid"),
        ({"aud": "orders"}, "the token is for another audience"),
        ({"sub": None}, "the token has no subject"),
    ],
)
async def test_a_refused_token_is_told_why(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service, **changes)}
        refused = await service.api.get("/customers", headers=headers)
    assert refused.error == (401, "INVALID_TOKEN")
    assert refused.body["message"] == message
    described = f'Bearer error="invalid_token", error_description="{message}"'
    assert refused.headers["WWW-Authenticate"] == described


async def test_a_wrapped_route_wraps_the_refusal(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service, **EXPIRED)}
        refused = await service.api.get(f"/customers/{uuid4()}/addresses", headers=headers)
    assert refused.status == 401
    assert refused.body["success"] is False
    assert refused.body["error"]["code"] == "INVALID_TOKEN"
    assert "invalid_token" in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Bearer", "INVALID_TOKEN"),
        ("Bearer x", "INVALID_TOKEN"),
        (f"Bearer {'x' * 7000}", "INVALID_TOKEN"),
        ("Bearer csk_1_secret", "INVALID_TOKEN"),
        ("Bearer\tx", "INVALID_TOKEN"),
        ("Basic eDp5", "AUTHENTICATION_REQUIRED"),
        ("Bearerx", "INVALID_TOKEN"),
    ],
)
async def test_what_is_no_token_is_refused(value: str, code: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        refused = await service.api.get("/customers", headers={"Authorization": value})
    assert refused.error == (401, code)


@pytest.mark.parametrize("value", ["Bearer x", "Bearer\tx", "Bearer", "Bearerx", "Basic eDp5"])
async def test_what_is_no_token_is_never_the_platform(value: str, tmp_path: Path) -> None:
    platform = behind_gateway(gateway_anonymous=PermissionNames(("customers:view",)))
    modes = {"auth": AuthModes(("gateway", "jwt"))}
    async with serving(tmp_path, **{**platform, **modes}) as service:
        assert (await service.api.get("/customers")).status == 200
        refused = await service.api.get("/customers", headers={"Authorization": value})
    assert refused.status == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sub": "\0\n\u2028"}, 200),
        ({"sub": "🛒"}, 200),
        ({"sub": "\ud800"}, 401),
        ({"tenant_id": ["\0", "a b", "x,y", "ü"]}, 403),
        ({"tenant_id": {"a": ["b"]}}, 403),
        ({"permissions": {"customers:view": True}}, 403),
        ({"permissions": ["customers:view", ["*"], 7]}, 200),
        ({"realm_access": 7, "permissions": 7}, 403),
        ({"email": {"a": 1}, "email_verified": [True]}, 200),
        ({"jti": "x" * 5000}, 200),
    ],
)
async def test_odd_claims_are_no_failure(
    changes: dict[str, Any], status: int, tmp_path: Path
) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service, **changes)}
        assert (await service.api.get("/customers", headers=headers)).status == status


@pytest.mark.parametrize("tenant", ["\0", "a b", "x,y", "ü", " "])
async def test_a_tenant_that_cannot_be_one_is_no_failure(tenant: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service, tenant_id=tenant), "X-Tenant-ID": None}
        assert (await service.api.get("/customers", headers=headers)).status == 400


async def test_a_token_expires_by_the_clock_of_the_service(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        headers = {"Authorization": bearer(service)}
        for seconds, status in ((299, 200), (60, 200), (1, 401)):
            await service.call("POST", "/clock/advance", {"seconds": seconds})
            assert (await service.api.get("/customers", headers=headers)).status == status


async def test_rpc_callers_are_told_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        order = an_order("018f4c1e-0000-7000-8000-000000000000", tenant_id=service.tenant)
        token = bearer(service, permissions="orders:record")
        for value, code, why in (
            (bearer(service, **EXPIRED), StatusCode.UNAUTHENTICATED, "INVALID_TOKEN"),
            (bearer(service), StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
            (token, StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND"),
        ):
            call = service.stub.RecordOrder(order, metadata=(("authorization", value),))
            status = await failure(call)
            assert (status[0], reason(status[1])) == (code, why)


async def test_a_file_without_keys_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text("{}")
    with pytest.raises(InvalidKeyFile) as refused:
        async with serving(tmp_path, jwt_jwks_file=file):
            pass
    reason = 'is not a JWKS: it has no list "keys".'
    assert str(refused.value) == f'JWT_JWKS_FILE: "{file}" {reason}'
