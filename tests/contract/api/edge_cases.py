"""Edge cases of input, versions, statuses and unknown routes."""

import pytest

from tests.support.api_client import Api
from tests.support.api_steps import (
    ADDRESS,
    COMMUNICATION,
    NOTE,
    REASON,
    USER,
    a_customer,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    customer_path,
    new_customer,
)

LOCKED = {"lockReason", "lockedAt", "lockedBy"}
UNLOCKED = {"unlockReason", "unlockedAt", "unlockedBy"}
ACTOR: dict[str, str | None] = {"X-User-ID": USER}
OPTIONAL = "phone userId dateOfBirth country countryCode avatarUrl customerType tags notes".split()


class OptionalInputContract:
    async def test_null_in_a_new_customer_means_absent(self, api: Api) -> None:
        customer = await a_customer(api, **dict.fromkeys([*OPTIONAL, "marketingOptIn"]))
        plain = await a_customer(api)
        assert customer | {"id": plain["id"], "email": plain["email"]} == plain

    async def test_null_in_other_new_resources_means_absent(self, api: Api) -> None:
        customer = await customer_path(api)
        nulls = dict.fromkeys("addressType isDefault label company state phone".split())
        assert (await an_address(api, customer, **nulls))["addressType"] == "SHIPPING"
        nulls = dict.fromkeys("cardBrand lastFour expiryMonth expiryYear isDefault".split())
        assert (await a_method(api, customer, **nulls))["isDefault"] is True
        nulls = dict.fromkeys("description rules isDynamic segmentType isActive".split())
        assert (await a_segment(api, **nulls))["isActive"] is True

    async def test_an_empty_query_parameter_means_absent(self, api: Api) -> None:
        await a_customer(api)
        names = "search status customer_type tags page page_size limit sort_by sort_order "
        names += "created_from created_to min_total_spent max_total_spent tenant_id"
        query = "&".join(f"{name}=" for name in names.split())
        assert (await api.get(f"/customers?{query}")).body == (await api.get("/customers")).body

    async def test_list_parameters_may_be_repeated(self, api: Api) -> None:
        await a_customer(api, tags=["a", "b"])
        await a_customer(api, tags=["a"], customerType="VIP")
        for query, total in (
            ("tags=a&tags=b", 1),
            ("status=ACTIVE&status=BLOCKED", 2),
            ("customer_type=VIP&customerType=RETAIL", 2),
        ):
            assert (await api.get(f"/customers?{query}")).body["total"] == total
        ids = f"ids={an_unknown_id()}&ids={an_unknown_id()}"
        batch = await api.get(f"/customers/batch?{ids}")
        assert batch.body["data"]["summary"]["requested"] == 2

    async def test_single_value_parameters_may_not_be_repeated(self, api: Api) -> None:
        for name, value in (("page", "1"), ("sort_by", "email"), ("search", "a"), ("limit", "5")):
            answer = await api.get(f"/customers?{name}={value}&{name}={value}")
            assert (answer.status, answer.fields) == (400, {name})

    @pytest.mark.parametrize("ids", ["", "ids=", "ids=,", "ids=x", f"ids={USER},x", f"ids={USER}0"])
    async def test_a_batch_needs_well_formed_ids(self, api: Api, ids: str) -> None:
        answer = await api.get(f"/customers/batch?{ids}")
        assert (answer.status, answer.fields) == (400, {"ids"})
        assert "pointer" not in answer.details[0]

    async def test_of_tags_that_differ_in_case_the_first_is_stored(self, api: Api) -> None:
        tags = ["VIP", "new", "vip", " Vip ", "Straße", "STRASSE", "NEW"]
        assert (await a_customer(api, tags=tags))["tags"] == ["VIP", "new", "Straße"]
        assert (await api.get("/customers?tags=strasse,Vip")).body["total"] == 1

    async def test_a_limit_over_the_maximum_returns_two_hundred(self, api: Api) -> None:
        customer = await customer_path(api)
        for _ in range(201):
            await a_note(api, customer)
        for limit, expected in (
            ("", 50),
            ("?limit=201", 200),
            ("?limit=99999999999999999999", 200),
        ):
            assert len((await api.get(f"{customer}/notes{limit}")).body) == expected


class VersionContract:
    async def test_a_write_without_a_change_leaves_version_and_update_time(self, api: Api) -> None:
        customer = await customer_path(api, phone="1", tags=["vip"])
        address, method = await an_address(api, customer), await a_method(api, customer)
        before = (await api.get(customer)).body
        api.clock.forward(hours=1)
        same = {name: before[name] for name in ("email", "firstName", "phone", "tags", "status")}
        await api.put(customer, same)
        await api.patch(customer, same)
        await api.put(customer, {})
        await api.patch(f"{customer}/addresses/{address['id']}")
        await api.put(f"{customer}/addresses/{address['id']}", ADDRESS)
        await api.patch(f"{customer}/payment-methods/{method['id']}", {"isDefault": True})
        await api.post(f"{customer}/restore")
        assert (await api.get(customer)).body == before

    async def test_an_order_increments_the_version_and_moves_the_update_time(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        before = (await api.get(customer)).body
        api.clock.forward(hours=1)
        after = (await an_order(api, customer, "o-1", 0)).body["customer"]
        assert after["version"] == before["version"] + 1
        assert after["updatedAt"] > before["updatedAt"]

    async def test_notes_and_communications_leave_the_version(self, api: Api) -> None:
        customer = await customer_path(api)
        before = (await api.get(customer)).body
        await api.post(f"{customer}/notes", NOTE)
        await api.post(f"{customer}/communications", COMMUNICATION)
        assert (await api.get(customer)).body == before


class BlockedContract:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_setting_the_status_to_blocked_locks_without_a_reason(
        self, api: Api, method: str
    ) -> None:
        customer = await customer_path(api)
        api.clock.forward(hours=1)
        body = {"status": "BLOCKED"}
        blocked = (await api.send(method, customer, body, headers=ACTOR)).body
        assert (blocked.get("lockReason", ""), blocked["lockedBy"]) == ("", USER)
        assert blocked["lockedAt"] == blocked["updatedAt"]
        api.clock.forward(hours=1)
        active = (await api.send(method, customer, {"status": "ACTIVE"}, headers=ACTOR)).body
        assert (active.get("unlockReason", ""), active["unlockedBy"]) == ("", USER)
        assert (active["unlockedAt"], active["lockedAt"]) == (
            active["updatedAt"],
            blocked["lockedAt"],
        )

    async def test_a_customer_blocked_by_status_can_be_unlocked_but_not_locked(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        await api.put(customer, {"status": "BLOCKED"})
        assert (await api.post(f"{customer}/lock", REASON)).code == "ALREADY_BLOCKED"
        assert (await api.post(f"{customer}/unlock", REASON)).status == 200

    async def test_locking_clears_the_unlock_and_unlocking_keeps_the_lock(self, api: Api) -> None:
        customer = await customer_path(api)
        await api.post(f"{customer}/lock", REASON, headers=ACTOR)
        unlocked = (await api.post(f"{customer}/unlock", REASON, headers=ACTOR)).body["data"]
        assert unlocked.keys() >= LOCKED | UNLOCKED
        locked = (await api.post(f"{customer}/lock", REASON, headers=ACTOR)).body["data"]
        assert (locked.keys() & UNLOCKED, locked.keys() & LOCKED) == (set(), LOCKED)


class UnknownRouteContract:
    async def test_unknown_paths_and_wrong_methods_have_plain_errors_everywhere(
        self, api: Api
    ) -> None:
        customer = await customer_path(api)
        for method, path, status in (
            ("GET", f"{customer}/addresses/x/y", 404),
            ("POST", f"{customer}/locks", 404),
            ("DELETE", f"{customer}/lock", 405),
            ("DELETE", f"{customer}/addresses", 405),
            ("POST", "/customers/batch", 405),
        ):
            answer = await api.send(method, path, new_customer() if method == "POST" else {})
            assert (answer.status, answer.body["error"]) == (status, answer.body["message"])
