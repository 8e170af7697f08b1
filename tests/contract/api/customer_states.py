"""Deleting, restoring, locking and unlocking customers."""

from decimal import Decimal

import pytest

from tests.contract.api.customers import ALL, KEYS
from tests.support.api_client import Api
from tests.support.api_steps import (
    REASON,
    USER,
    a_customer,
    a_method,
    a_note,
    an_address,
    an_order,
    customer_path,
    id_of,
    read_everything,
    select,
)


class CustomerDeleteContract:
    async def test_a_deleted_customer_is_hidden_everywhere(self, api: Api) -> None:
        path = await customer_path(api)
        await an_order(api, path, "o-1", 5)
        answer = await api.delete(path)
        assert (answer.status, answer.body) == (200, {"message": "customer deleted successfully"})
        for part in ("", "/addresses", "/payment-methods", "/notes", "/communications", "/orders"):
            assert (await api.get(path + part)).status == 404, part
        assert (await api.get("/customers")).body["total"] == 0
        batch = await api.get(f"/customers/batch?ids={id_of(path)}")
        assert batch.body["data"]["summary"]["found"] == 0
        for call in (api.delete(path), api.put(path, {}), api.post(f"{path}/lock", REASON)):
            assert (await call).status == 404

    async def test_the_email_of_a_deleted_customer_is_free(self, api: Api) -> None:
        first = await a_customer(api, email="ada@example.test")
        await api.delete(f"/customers/{first['id']}")
        assert (await a_customer(api, email="Ada@example.test"))["id"] != first["id"]

    async def test_a_restored_customer_has_everything_they_had(self, api: Api) -> None:
        customer = await customer_path(api, **ALL)
        await an_address(api, customer)
        await a_method(api, customer)
        await a_note(api, customer)
        await an_order(api, customer, "o-1", Decimal("12.50"))
        before = await read_everything(api, customer)
        await api.delete(customer)
        answer = await api.post(f"{customer}/restore")
        assert (answer.status, answer.body["id"]) == (200, id_of(customer))
        after = await read_everything(api, customer)
        for profile in (before[0], after[0]):
            profile.pop("version"), profile.pop("updatedAt")
        assert after == before

    async def test_restoring_a_living_customer_changes_nothing(self, api: Api) -> None:
        customer = await customer_path(api)
        before = (await api.get(customer)).body
        for body in (b"", b"{}"):
            answer = await api.post(f"{customer}/restore", body)
            assert (answer.status, answer.body) == (200, before)

    async def test_a_customer_whose_email_is_in_use_again_is_not_restored(self, api: Api) -> None:
        customer = await customer_path(api, email="ada@example.test")
        await api.delete(customer)
        await a_customer(api, email="ada@example.test")
        answer = await api.post(f"{customer}/restore")
        assert answer.error == (409, "EMAIL_TAKEN")
        assert (await api.get(customer)).status == 404


class CustomerLockContract:
    async def test_a_lock_blocks_the_customer_and_stores_the_reason(self, api: Api) -> None:
        customer = await customer_path(api)
        api.clock.forward(hours=1)
        answer = await api.post(f"{customer}/lock", REASON, headers={"X-User-ID": USER})
        data = answer.body["data"]
        assert (answer.status, answer.body) == (200, {"success": True, "data": data})
        expected = {"status": "BLOCKED", "lockReason": REASON["reason"], "lockedBy": USER}
        assert select(data, expected) == expected
        assert data["lockedAt"] == data["updatedAt"]
        assert set(data) == KEYS | {"lockReason", "lockedAt", "lockedBy"}
        assert (await api.get(customer)).body == data

    async def test_an_unlock_activates_the_customer_and_stores_the_reason(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/lock", REASON)
        answer = await api.post(f"{customer}/unlock", REASON, headers={"X-User-ID": USER})
        data = answer.body["data"]
        expected = {"status": "ACTIVE", "unlockReason": REASON["reason"], "unlockedBy": USER}
        assert select(data, expected) == expected
        assert "unlockedAt" in data

    async def test_a_locked_customer_cannot_be_locked_again(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/lock", REASON)
        before = (await api.get(customer)).body
        answer = await api.post(f"{customer}/lock", {"reason": "another good reason"})
        assert answer.error == (409, "ALREADY_BLOCKED")
        assert (await api.get(customer)).body == before

    async def test_a_customer_who_is_not_locked_cannot_be_unlocked(self, api: Api) -> None:
        answer = await api.post(f"{await customer_path(api)}/unlock", REASON)
        assert answer.error == (409, "NOT_BLOCKED")

    @pytest.mark.parametrize("length", [10, 500])
    async def test_a_reason_has_ten_to_five_hundred_characters(self, api: Api, length: int) -> None:
        answer = await api.post(f"{await customer_path(api)}/lock", {"reason": "x" * length})
        assert answer.body["data"]["lockReason"] == "x" * length
