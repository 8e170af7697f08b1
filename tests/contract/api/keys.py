"""The contract of API keys over REST: making, listing and revoking them, and calling with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from customers.core.ports.storage import Storage
from tests.support.api_client import NOTHING, Api, serving
from tests.support.builders import a_tenant, an_id, later
from tests.support.key_steps import BEHIND_GATEWAY, bearer, create_key, staff

SUCCESS = {"message": "key revoked successfully"}


@asynccontextmanager
async def authenticating(storage: Storage, tenant: str) -> AsyncIterator[Api]:
    """A client of a service that admits only callers with keys and those of the gateway."""
    async with serving(storage, tenant=tenant, **BEHIND_GATEWAY) as api:
        yield api


class KeyContract:
    async def test_a_key_is_shown_once(self, api: Api) -> None:
        body = {"name": "Billing", "permissions": ["customers:view", "orders:view"]}
        created = await api.post("/keys", body)
        key_id = created.body["id"]
        assert created.status == 201
        assert created.headers["Location"] == f"/api/v1/keys/{key_id}"
        assert created.body == {
            "id": key_id,
            "name": "Billing",
            "permissions": ["customers:view", "orders:view"],
            "tenantId": api.tenant,
            "expiresAt": None,
            "createdAt": "2026-01-15T09:00:00Z",
            "lastUsedAt": None,
            "key": created.body["key"],
        }
        prefix, id_in_key, secret = created.body["key"].split("_")
        assert (prefix, id_in_key) == ("csk", key_id)
        assert len(bytes.fromhex(secret)) == 32
        listed = await api.get("/keys")
        assert listed.body == [{name: created.body[name] for name in created.body if name != "key"}]
        assert secret not in listed.raw.decode()

    async def test_every_key_has_a_secret_of_its_own(self, api: Api) -> None:
        keys = [(await create_key(api, "orders:view")).body["key"] for _ in range(2)]
        assert len({key.rpartition("_")[2] for key in keys}) == 2

    async def test_a_key_needs_only_permissions(self, api: Api) -> None:
        created = await api.post("/keys", {"permissions": ["*"], "expiresAt": None})
        assert (created.status, created.body["name"], created.body["expiresAt"]) == (201, "", None)

    async def test_wildcards_and_other_names_are_kept_as_they_are_written(self, api: Api) -> None:
        names = ["customers:*", "customers:notes:manage", "*", "customers:*"]
        created = await api.post("/keys", {"permissions": names})
        assert created.body["permissions"] == names[:3]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"permissions": ["customers:view", "customers:fly"]}, "/permissions"),
            ({"permissions": []}, "/permissions"),
            ({"permissions": "*"}, "/permissions"),
            ({"permissions": [1]}, "/permissions"),
            ({"permissions": ["orders:view"] * 51}, "/permissions"),
            ({}, "/permissions"),
            ({"permissions": ["*"], "name": "n" * 101}, "/name"),
            ({"permissions": ["*"], "name": 1}, "/name"),
            ({"permissions": ["*"], "expiresAt": "tomorrow"}, "/expiresAt"),
            ({"permissions": ["*"], "expiresAt": "2026-01-15T09:00:00Z"}, "/expiresAt"),
        ],
    )
    async def test_a_bad_key_is_refused(
        self, api: Api, fields: dict[str, Any], pointer: str
    ) -> None:
        refused = await api.post("/keys", fields)
        assert refused.error == (400, "VALIDATION_FAILED")
        assert refused.pointers == {pointer}
        assert (await api.get("/keys")).body == []

    async def test_keys_are_listed_newest_first(self, api: Api) -> None:
        names = ["first", "second", "third"]
        for name in names:
            await create_key(api, "orders:view", name=name)
            api.clock.forward(seconds=1)
        assert [key["name"] for key in (await api.get("/keys")).body] == names[::-1]

    async def test_a_revoked_key_is_gone(self, api: Api) -> None:
        created = await create_key(api, "orders:view")
        path = f"/keys/{created.body['id']}"
        assert (await api.delete(path)).body == SUCCESS
        assert (await api.get("/keys")).body == []
        assert (await api.delete(path)).error == (404, "KEY_NOT_FOUND")
        assert (await api.delete(f"/keys/{an_id()}")).error == (404, "KEY_NOT_FOUND")

    async def test_the_key_of_another_tenant_is_not_found(self, api: Api) -> None:
        other = api.of_tenant(a_tenant())
        created = await create_key(api, "orders:view")
        refused = await other.delete(f"/keys/{created.body['id']}")
        assert refused.error == (404, "KEY_NOT_FOUND")
        assert (await other.get("/keys")).body == []
        assert len((await api.get("/keys")).body) == 1

    async def test_a_tenant_has_a_hundred_keys_and_expired_ones_make_room(self, api: Api) -> None:
        for _ in range(99):
            await create_key(api, "orders:view")
        short = await create_key(api, "orders:view", expiresAt=later(hours=1).isoformat())
        assert short.status == 201
        refused = await create_key(api, "orders:view")
        assert refused.error == (400, "KEY_LIMIT_EXCEEDED")
        api.clock.forward(hours=1)
        assert (await create_key(api, "orders:view")).status == 201
        listed = (await api.get("/keys")).body
        assert len(listed) == 100
        assert short.body["id"] not in {key["id"] for key in listed}

    async def test_keys_are_made_while_the_storage_is_there(self, away: Api) -> None:
        body = {"permissions": ["*"]}
        assert (await away.post("/keys", body)).error == (503, "STORAGE_UNAVAILABLE")


class CallersWithKeysContract:
    async def test_a_key_does_what_its_permissions_say(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            key = (await create_key(api, "customers:view")).body["key"]
            assert (await api.get("/customers", headers=bearer(key))).status == 200
            assert (await api.get("/customers", headers=bearer(key, tenant))).status == 200
            refused = await api.get("/customers/segments", headers=bearer(key))
            assert refused.error == (403, "PERMISSION_DENIED")
            assert "segments:view" in refused.body["message"]

    async def test_a_key_is_of_its_tenant(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            key = (await create_key(api, "*")).body["key"]
            for other in (await _a_tenant_with_a_customer(api), a_tenant()):
                refused = await api.get("/customers", headers=bearer(key, other))
                assert refused.error == (403, "TENANT_FORBIDDEN")
                body = {"permissions": ["*"], "tenantId": other}
                refused = await api.post("/keys", body, headers=bearer(key))
                assert refused.error == (403, "TENANT_FORBIDDEN")

    async def test_a_key_says_which_key_acts(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            created = await create_key(api, "customers:create", "notes:manage")
            headers = bearer(created.body["key"])
            body = {"email": "ada@example.test", "firstName": "Ada", "lastName": "Lovelace"}
            customer = await api.post("/customers", body, headers=headers)
            path = f"/customers/{customer.body['id']}/notes"
            note = await api.post(path, {"note": "a note"}, headers=headers)
            assert note.status == 201
            assert note.body["createdBy"] == created.body["id"]

    async def test_nobody_gives_more_than_they_have(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            created = await create_key(api, "keys:manage", "orders:view")
            headers = bearer(created.body["key"])
            for permissions, lacking in (
                (["orders:view", "orders:record"], "orders:record"),
                (["customers:segments:manage"], "segments:manage"),
                (["*"], "communications:manage"),
            ):
                refused = await api.post("/keys", {"permissions": permissions}, headers=headers)
                assert refused.error == (403, "PERMISSION_DENIED")
                assert lacking in refused.body["message"]
            equal = {"permissions": ["keys:manage", "orders:view"]}
            assert (await api.post("/keys", equal, headers=headers)).status == 201
            unknown = await api.post("/keys", {"permissions": ["orders:fly"]}, headers=headers)
            assert unknown.error == (400, "VALIDATION_FAILED")

    async def test_keys_are_managed_with_the_permission_only(
        self, storage: Storage, tenant: str
    ) -> None:
        async with authenticating(storage, tenant) as api:
            headers = staff(tenant, "customers:*", "orders:view")
            for method, path in (
                ("GET", "/keys"),
                ("POST", "/keys"),
                ("DELETE", f"/keys/{an_id()}"),
            ):
                refused = await api.send(method, path, NOTHING, headers=headers)
                assert refused.error == (403, "PERMISSION_DENIED")
                assert "keys:manage" in refused.body["message"]

    async def test_what_is_no_valid_key_is_refused(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            key = (await create_key(api, "*")).body["key"]
            prefix, key_id, secret = key.split("_")
            unknown = [
                f"{prefix}_{uuid4()}_{secret}",
                f"{prefix}_{key_id}_{'0' * 64}",
            ]
            answers = [await api.get("/customers", headers=bearer(text)) for text in unknown]
            assert {answer.raw for answer in answers} == {answers[0].raw}
            for text in ("csk_", f"{key}0", key.upper().replace("CSK", "csk"), f"{key}\u0660"):
                answers.append(await api.get("/customers", headers=bearer(text)))
            for answer in answers:
                assert answer.error == (401, "INVALID_TOKEN")
                assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
                assert secret not in answer.raw.decode()

    async def test_an_expired_key_is_told_so_with_its_secret_only(
        self, storage: Storage, tenant: str
    ) -> None:
        async with authenticating(storage, tenant) as api:
            expires_at = later(hours=1).isoformat()
            key = (await create_key(api, "*", expiresAt=expires_at)).body["key"]
            assert (await api.get("/customers", headers=bearer(key))).status == 200
            api.clock.forward(hours=1)
            refused = await api.get("/customers", headers=bearer(key))
            assert refused.error == (401, "INVALID_TOKEN")
            assert "expired" in refused.body["message"]
            wrong = f"{key.rpartition('_')[0]}_{'0' * 64}"
            refused = await api.get("/customers", headers=bearer(wrong))
            assert refused.body["message"] == "the key is not known"

    async def test_a_revoked_key_is_refused(self, storage: Storage, tenant: str) -> None:
        async with authenticating(storage, tenant) as api:
            created = await create_key(api, "keys:manage")
            headers = bearer(created.body["key"])
            revoked = await api.delete(f"/keys/{created.body['id']}", headers=headers)
            assert revoked.body == SUCCESS
            refused = await api.get("/keys", headers=headers)
            assert refused.error == (401, "INVALID_TOKEN")
            assert "revoked" in refused.body["message"]


async def _a_tenant_with_a_customer(api: Api) -> str:
    other = a_tenant()
    body = {"email": "bob@example.test", "firstName": "Bob", "lastName": "Babbage"}
    created = await api.post("/customers", body, headers=staff(other, "*"))
    assert created.status == 201
    return other
