"""Section 12: the details that no other contract of the REST interface has tested."""

from typing import Any

import pytest

from tests.api import Api
from tests.contract.api.steps import (
    ADDRESS,
    BIG_SPENDERS,
    COMMUNICATION,
    NOTE,
    REASON,
    a_customer,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    an_unknown_id,
    at,
    members,
    new_customer,
    new_method,
)

USER = "0190b2f0-0000-7000-8000-000000000001"
LOCKED = {"lockReason", "lockedAt", "lockedBy"}
UNLOCKED = {"unlockReason", "unlockedAt", "unlockedBy"}
ACTOR: dict[str, str | None] = {"X-User-ID": USER}
OPTIONAL = "phone userId dateOfBirth country countryCode avatarUrl customerType tags notes".split()


async def defaults(api: Api, customer: str) -> list[str]:
    listed = (await api.get(f"{customer}/addresses")).body["data"]
    return sorted(address["label"] for address in listed if address["isDefault"])


async def addresses(api: Api, customer: str, *kinds: str) -> list[str]:
    """The paths of new addresses of those types, a minute between them, labelled by number."""
    paths = []
    for number, kind in enumerate(kinds):
        added = await an_address(api, customer, addressType=kind, label=str(number))
        paths.append(f"{customer}/addresses/{added['id']}")
        api.clock.forward(minutes=1)
    return paths


class InputContract:
    async def test_null_in_a_new_customer_is_as_if_absent(self, api: Api) -> None:
        customer = await a_customer(api, **dict.fromkeys([*OPTIONAL, "marketingOptIn"]))
        plain = await a_customer(api)
        assert customer | {"id": plain["id"], "email": plain["email"]} == plain

    async def test_null_in_other_new_things_is_as_if_absent(self, api: Api) -> None:
        customer = await at(api)
        nothing = dict.fromkeys("addressType isDefault label company state phone".split())
        assert (await an_address(api, customer, **nothing))["addressType"] == "SHIPPING"
        nothing = dict.fromkeys("cardBrand lastFour expiryMonth expiryYear isDefault".split())
        assert (await a_method(api, customer, **nothing))["isDefault"] is True
        nothing = dict.fromkeys("description rules isDynamic segmentType isActive".split())
        assert (await a_segment(api, **nothing))["isActive"] is True

    async def test_an_empty_query_parameter_is_as_if_absent(self, api: Api) -> None:
        await a_customer(api)
        names = "search status customer_type tags page page_size limit sort_by sort_order "
        names += "created_from created_to min_total_spent max_total_spent tenant_id"
        query = "&".join(f"{name}=" for name in names.split())
        assert (await api.get(f"/customers?{query}")).body == (await api.get("/customers")).body

    async def test_lists_may_be_given_several_times(self, api: Api) -> None:
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

    async def test_a_parameter_that_is_no_list_is_given_once(self, api: Api) -> None:
        for name, value in (("page", "1"), ("sort_by", "email"), ("search", "a"), ("limit", "5")):
            answer = await api.get(f"/customers?{name}={value}&{name}={value}")
            assert (answer.status, answer.fields) == (400, {name})

    @pytest.mark.parametrize("ids", ["", "ids=", "ids=,", "ids=x", f"ids={USER},x", f"ids={USER}0"])
    async def test_a_batch_needs_ids_and_all_of_them_whole(self, api: Api, ids: str) -> None:
        answer = await api.get(f"/customers/batch?{ids}")
        assert (answer.status, answer.fields) == (400, {"ids"})
        assert "pointer" not in answer.details[0]

    async def test_of_tags_that_differ_only_in_case_the_first_is_kept(self, api: Api) -> None:
        tags = ["VIP", "new", "vip", " Vip ", "Straße", "STRASSE", "NEW"]
        assert (await a_customer(api, tags=tags))["tags"] == ["VIP", "new", "Straße"]
        assert (await api.get("/customers?tags=strasse,Vip")).body["total"] == 1

    async def test_a_limit_over_the_most_serves_two_hundred(self, api: Api) -> None:
        customer = await at(api)
        for _ in range(201):
            await a_note(api, customer)
        for limit, served in (("", 50), ("?limit=201", 200), ("?limit=99999999999999999999", 200)):
            assert len((await api.get(f"{customer}/notes{limit}")).body) == served


class VersionContract:
    async def test_a_write_that_changes_nothing_leaves_version_and_time(self, api: Api) -> None:
        customer = await at(api, phone="1", tags=["vip"])
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

    async def test_an_order_moves_version_and_time(self, api: Api) -> None:
        customer = await at(api)
        before = (await api.get(customer)).body
        api.clock.forward(hours=1)
        after = (await an_order(api, customer, "o-1", 0)).body["customer"]
        assert after["version"] == before["version"] + 1
        assert after["updatedAt"] > before["updatedAt"]

    async def test_what_is_not_shown_leaves_the_version(self, api: Api) -> None:
        customer = await at(api)
        before = (await api.get(customer)).body
        await api.post(f"{customer}/notes", NOTE)
        await api.post(f"{customer}/communications", COMMUNICATION)
        assert (await api.get(customer)).body == before


class BlockedContract:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_a_status_set_to_blocked_is_a_lock_without_a_reason(
        self, api: Api, method: str
    ) -> None:
        customer = await at(api)
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

    async def test_who_was_blocked_by_status_can_be_unlocked_and_not_locked(self, api: Api) -> None:
        customer = await at(api)
        await api.put(customer, {"status": "BLOCKED"})
        assert (await api.post(f"{customer}/lock", REASON)).code == "ALREADY_BLOCKED"
        assert (await api.post(f"{customer}/unlock", REASON)).status == 200

    async def test_locking_clears_the_unlock_and_unlocking_keeps_the_lock(self, api: Api) -> None:
        customer = await at(api)
        await api.post(f"{customer}/lock", REASON, headers=ACTOR)
        unlocked = (await api.post(f"{customer}/unlock", REASON, headers=ACTOR)).body["data"]
        assert unlocked.keys() >= LOCKED | UNLOCKED
        locked = (await api.post(f"{customer}/lock", REASON, headers=ACTOR)).body["data"]
        assert (locked.keys() & UNLOCKED, locked.keys() & LOCKED) == (set(), LOCKED)


class AddressDetailContract:
    async def test_a_tenant_in_a_body_has_to_agree_and_other_identity_is_ignored(
        self, api: Api
    ) -> None:
        customer = await at(api)
        body = ADDRESS | {"customerId": an_unknown_id(), "id": "x", "tenantId": api.tenant}
        assert (await api.post(f"{customer}/addresses", body)).status == 201
        answer = await api.post(f"{customer}/addresses", body | {"tenantId": "other"})
        assert (answer.status, answer.body["error"]["code"]) == (400, "TENANT_MISMATCH")

    async def test_when_a_default_is_deleted_the_oldest_for_its_purpose_takes_over(
        self, api: Api
    ) -> None:
        customer = await at(api)
        paths = await addresses(api, customer, "SHIPPING", "BILLING", "SHIPPING", "SHIPPING")
        await api.delete(paths[0])
        assert await defaults(api, customer) == ["1", "2"]
        await api.delete(paths[1])
        assert await defaults(api, customer) == ["2"]

    async def test_a_deleted_default_for_both_is_followed_for_each_purpose(self, api: Api) -> None:
        customer = await at(api)
        paths = await addresses(api, customer, "BOTH", "BILLING", "SHIPPING", "SHIPPING")
        assert await defaults(api, customer) == ["0"]
        await api.delete(paths[0])
        assert await defaults(api, customer) == ["1", "2"]

    async def test_another_address_that_is_deleted_leaves_the_default(self, api: Api) -> None:
        customer = await at(api)
        paths = await addresses(api, customer, "SHIPPING", "SHIPPING")
        await api.delete(paths[1])
        assert await defaults(api, customer) == ["0"]

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_a_default_that_is_none_any_more_leaves_none(self, api: Api, method: str) -> None:
        customer = await at(api)
        paths = await addresses(api, customer, "SHIPPING", "SHIPPING")
        answer = await api.send(method, paths[0], {"isDefault": False})
        assert (answer.status, answer.body["data"]["isDefault"]) == (200, False)
        assert await defaults(api, customer) == []

    async def test_a_default_of_another_type_gives_up_what_it_no_longer_serves(
        self, api: Api
    ) -> None:
        customer = await at(api)
        paths = await addresses(api, customer, "BOTH")
        await api.put(paths[0], {"addressType": "BILLING"})
        await addresses(api, customer, "SHIPPING", "BILLING")
        listed = (await api.get(f"{customer}/addresses")).body["data"]
        kinds = sorted(each["addressType"] for each in listed if each["isDefault"])
        assert kinds == ["BILLING", "SHIPPING"]


class TokenContract:
    async def test_tokens_of_a_deleted_customer_are_free(self, api: Api) -> None:
        deleted, body = await at(api), new_method()
        await api.post(f"{deleted}/payment-methods", body)
        await api.delete(deleted)
        assert (await api.post(f"{await at(api)}/payment-methods", body)).status == 201

    async def test_a_restore_brings_back_the_tokens_not_taken_since(self, api: Api) -> None:
        customer, taken, kept = await at(api), new_method(), new_method()
        for body in (taken, kept):
            await api.post(f"{customer}/payment-methods", body)
        await api.delete(customer)
        await api.post(f"{await at(api)}/payment-methods", taken)
        assert (await api.post(f"{customer}/restore")).status == 200
        methods = (await api.get(f"{customer}/payment-methods")).body
        tokens = [method["gatewayPaymentMethodId"] for method in methods]
        assert tokens == [kept["gatewayPaymentMethodId"]]


class SegmentDetailContract:
    @pytest.mark.parametrize(("is_dynamic", "kind"), [(True, "STATIC"), (False, "dynamic")])
    async def test_two_kinds_that_disagree_are_refused(
        self, api: Api, is_dynamic: bool, kind: str
    ) -> None:
        body: dict[str, Any] = {"isDynamic": is_dynamic, "segmentType": kind}
        assert (await api.post("/customers/segments", {"name": "a", **body})).status == 400
        segment = await a_segment(api)
        path = f"/customers/segments/{segment['id']}"
        assert (await api.put(path, body)).status == 400
        assert (await api.get("/customers/segments")).body == [segment]

    async def test_rules_of_a_manual_segment_are_kept_and_not_evaluated(self, api: Api) -> None:
        await an_order(api, await at(api), "o-1", 5000)
        segment = await a_segment(api, isDynamic=False, rules=BIG_SPENDERS)
        assert (segment["rules"], segment["customerCount"]) == (BIG_SPENDERS, 0)
        assert await members(api, segment) == []

    @pytest.mark.parametrize("fields", [{}, {"isDynamic": True}, {"isDynamic": False}])
    async def test_an_empty_text_as_rules_is_null(self, api: Api, fields: dict[str, Any]) -> None:
        assert (await a_segment(api, rules="", **fields))["rules"] is None

    async def test_a_dynamic_segment_without_conditions_has_no_members(self, api: Api) -> None:
        await a_customer(api)
        rules: Any
        for rules in ([], None, {"conditions": [], "logic": "NOT"}):
            segment = await a_segment(api, isDynamic=True, rules=rules)
            assert (await members(api, segment), segment["customerCount"]) == ([], 0)


class LedgerDetailContract:
    async def test_a_fact_that_comes_first_makes_the_order_known(self, api: Api) -> None:
        customer, other = await at(api), await at(api)
        await api.post(f"{customer}/orders/o-1/refunds", {"refundId": "r", "amount": 1})
        await api.post(f"{customer}/orders/o-2/cancel")
        for order_id in ("o-1", "o-2"):
            body = {"orderId": order_id, "totalAmount": 5}
            answer = await api.post(f"{other}/record-order", body)
            assert (answer.status, answer.code) == (409, "ORDER_CONFLICT")
            answer = await api.post(f"{other}/orders/{order_id}/cancel")
            assert (answer.status, answer.code) == (409, "ORDER_CONFLICT")

    async def test_a_refund_after_a_cancellation_is_kept_and_counts_nothing(self, api: Api) -> None:
        customer = await at(api)
        await an_order(api, customer, "o-1", 10)
        await an_order(api, customer, "o-2", 7)
        await api.post(f"{customer}/orders/o-1/cancel")
        body = {"refundId": "r", "amount": 4}
        answer = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert (answer.status, answer.body["duplicate"]) == (200, False)
        assert answer.body["customer"]["totalSpent"] == 7
        again = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert again.body["duplicate"] is True

    @pytest.mark.parametrize("amount", [0, "0.00", -1])
    async def test_a_refund_is_more_than_nothing(self, api: Api, amount: Any) -> None:
        customer = await at(api)
        await an_order(api, customer, "o-1", 10)
        body = {"refundId": "r", "amount": amount}
        answer = await api.post(f"{customer}/orders/o-1/refunds", body)
        assert (answer.status, answer.pointers) == (400, {"/amount"})

    async def test_a_wrong_currency_has_its_place_among_the_details(self, api: Api) -> None:
        body = {"totalAmount": "x", "currency": "EUR"}
        answer = await api.post(f"{await at(api)}/record-order", body)
        assert answer.code == "CURRENCY_MISMATCH"
        assert answer.pointers == {"/orderId", "/totalAmount", "/currency"}


class PlaceContract:
    async def test_unknown_paths_and_wrong_methods_are_plain_also_below_wrapped_routes(
        self, api: Api
    ) -> None:
        customer = await at(api)
        for method, path, status in (
            ("GET", f"{customer}/addresses/x/y", 404),
            ("POST", f"{customer}/locks", 404),
            ("DELETE", f"{customer}/lock", 405),
            ("DELETE", f"{customer}/addresses", 405),
            ("POST", "/customers/batch", 405),
        ):
            answer = await api.send(method, path, new_customer() if method == "POST" else {})
            assert (answer.status, answer.body["error"]) == (status, answer.body["message"])
