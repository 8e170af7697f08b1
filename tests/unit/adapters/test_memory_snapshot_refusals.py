"""Data that the memory storage refuses to restore: each bad place is named, nothing changes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import Invalid
from customers.core.model.json_pointer import JsonPointer
from tests.support.builders import USD, numbered_id
from tests.support.full_tenant import ADA, BOB, EVE, OTHERS, SEGMENT, store_full_tenant
from tests.support.storage_steps import erase

ABSENT: Final = object()
TENANT = "tenant/1"
AT = "/tenant~11"
NOBODY = str(numbered_id(404))
Data = dict[str, Any]


@pytest.fixture
async def storage() -> MemoryStorage:
    """A storage with Ada, Bob and Eve as customers 0, 1 and 2."""
    storage = MemoryStorage(currency=USD)
    await store_full_tenant(storage, TENANT)
    return storage


def with_value(data: Data, pointer: str, value: object) -> Data:
    """Changes a value of the tenant (ABSENT removes it, a function maps it); returns `data`."""
    target: Any = data[TENANT]
    *keys, last = [int(key) if key.isdigit() else key for key in pointer[1:].split("/")]
    for key in keys:
        target = target[key]
    if value is ABSENT:
        del target[last]
    else:
        target[last] = value(target[last]) if callable(value) else value
    return data


async def refusal(
    storage: MemoryStorage, data: object, *, at: JsonPointer | None = None
) -> set[str]:
    """The places and codes of the problems for which a restore is refused; nothing is changed."""
    before = storage.dump()
    with pytest.raises(Invalid) as raised:
        await (storage.restore(data) if at is None else storage.restore(data, at))
    assert storage.dump() == before
    for problem in raised.value.problems:
        last = (problem.pointer or "").rpartition("/")[2]
        assert problem.field == last.replace("~1", "/").replace("~0", "~")
        assert problem.message
    return {f"{problem.pointer} {problem.code}" for problem in raised.value.problems}


BAD_VALUES: list[tuple[str, object, str]] = [
    ("/customers", {}, "INVALID_TYPE"),
    ("/customers/0", 5, "INVALID_TYPE"),
    ("/customers/0/id", "ada", "INVALID_FORMAT"),
    ("/customers/0/email", "nonsense", "INVALID_FORMAT"),
    ("/customers/0/email", ABSENT, "REQUIRED"),
    ("/customers/0/email", None, "INVALID_TYPE"),
    ("/customers/0/firstName", " ", "REQUIRED"),
    ("/customers/0/lastName", "x" * 101, "MAX_LENGTH"),
    ("/customers/0/status", "GONE", "INVALID_VALUE"),
    ("/customers/0/version", "1", "INVALID_TYPE"),
    ("/customers/0/version", 0, "INVALID_VALUE"),
    ("/customers/0/version", 2**63, "INVALID_VALUE"),
    ("/customers/0/lockReason", "short", "MIN_LENGTH"),
    ("/customers/0/createdAt", "2026-01-15T10:00:00", "INVALID_FORMAT"),
    ("/customers/0/erasedAt", "2026-01-15T10:00:00Z", "UNKNOWN_FIELD"),
    ("/customers/0/tags", "vip", "INVALID_TYPE"),
    ("/customers/0/nick~name", "Ada", "UNKNOWN_FIELD"),
    ("/addresses/0/country", "USA", "INVALID_FORMAT"),
    ("/paymentMethods/0/lastFour", "12345", "INVALID_FORMAT"),
    ("/notes/0/note", "\0", "INVALID_VALUE"),
    ("/communications/0/status", "lost", "INVALID_VALUE"),
    ("/orders/0/orderId", "an order", "INVALID_FORMAT"),
    ("/orders/0/totalAmount", "12.505", "INVALID_VALUE"),
    ("/orders/0/totalAmount", 12.5, "INVALID_TYPE"),
    ("/refunds/0/amount", "0", "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/cause", "whim", "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/number", 0, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/email", "nonsense", "INVALID_FORMAT"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "-1"}, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "0.001"}, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "1e30"}, "INVALID_VALUE"),
    ("/segments/0/name", "", "REQUIRED"),
    ("/segments/0/rulesText", ["rule"], "INVALID_TYPE"),
    ("/assignments", [], "INVALID_TYPE"),
    (f"/assignments/{SEGMENT}/ada", {"assignedAt": "2026-01-15T10:00:00Z"}, "INVALID_FORMAT"),
    (f"/assignments/{SEGMENT}/{ADA}/assignedAt", ABSENT, "REQUIRED"),
    (f"/refreshStates/{SEGMENT}", [], "INVALID_TYPE"),
    (f"/refreshStates/{SEGMENT}/scanned", -1, "INVALID_VALUE"),
    ("/changes/0/entered", "yes", "INVALID_TYPE"),
    ("/lastPendingChange", "1", "INVALID_TYPE"),
    ("/capturesOrders", None, "INVALID_TYPE"),
    ("/tallies", [], "UNKNOWN_FIELD"),
]


@pytest.mark.parametrize(("pointer", "value", "code"), BAD_VALUES)
async def test_a_bad_value_is_refused_at_its_place(
    storage: MemoryStorage, pointer: str, value: object, code: str
) -> None:
    data = with_value(storage.dump(), pointer, value)
    place = f"{AT}{pointer.replace('~', '~0')}"
    if isinstance(value, dict) and "totalSpent" in value:
        place += "/totalSpent"
    assert await refusal(storage, data) == {f"{place} {code}"}


def twice(rows: list[Data]) -> list[Data]:
    return [*rows, *rows]


def again(**changed: object) -> Callable[[list[Data]], list[Data]]:
    """A function that repeats the last of some rows, with values changed."""
    return lambda rows: [*rows, rows[-1] | changed]


TEN_O_CLOCK: Final = "2026-01-15T10:00:00Z"
ASSIGNMENT: Final = {"assignedAt": TEN_O_CLOCK}
CONTRADICTIONS: list[tuple[str, object, set[str]]] = [
    ("/customers/0/tenantId", "other", {"/customers/0"}),
    ("/customers/0/statistics", {"totalOrders": 1}, {"/customers/0"}),
    ("/customers/1/email", "ADA@example.test", {"/customers/1"}),
    ("/customers/1/id", str(ADA), {"/customers/1"}),
    ("/addresses", twice, {"/addresses/1"}),
    ("/addresses", again(id=NOBODY), {"/addresses/1"}),
    (
        "/addresses",
        lambda rows: [rows[0] | {"id": str(numbered_id(n)), "isDefault": False} for n in range(21)],
        {"/addresses/20"},
    ),
    ("/addresses/0/customerId", NOBODY, {"/addresses/0"}),
    ("/paymentMethods", again(id=NOBODY, isDefault=False), {"/paymentMethods/1"}),
    ("/paymentMethods", again(id=NOBODY, gatewayPaymentMethodId="another"), {"/paymentMethods/1"}),
    ("/paymentMethods/0/gatewayPaymentMethodId", "4111 1111 1111 1111", {"/paymentMethods/0"}),
    ("/notes", twice, {"/notes/1"}),
    ("/notes/0/customerId", NOBODY, {"/notes/0"}),
    ("/communications", again(id=NOBODY), {"/communications/1"}),
    ("/orders", again(), {"/orders/2"}),
    ("/orders/0/orderDate", None, {"/orders/0", "/refunds/0"}),
    ("/orders/1/recordedAt", TEN_O_CLOCK, {"/orders/1"}),
    ("/orders/1/customerId", NOBODY, {"/orders/1"}),
    ("/refunds", twice, {"/refunds/1"}),
    ("/refunds/0/orderId", "none", {"/refunds/0"}),
    (f"/pendingChanges/{EVE}", twice, {f"/pendingChanges/{EVE}/1"}),
    (f"/pendingChanges/{EVE}/0/before/id", str(ADA), {f"/pendingChanges/{EVE}"}),
    (f"/pendingChanges/{NOBODY}", [], {f"/pendingChanges/{NOBODY}"}),
    ("/lastPendingChange", 0, {"/lastPendingChange"}),
    ("/segments", again(name="VIP 2"), {"/segments/2"}),
    ("/segments/0/rulesText", "{", {"/segments/0"}),
    ("/segments/0/rulesText", '{"conditions": [NaN]}', {"/segments/0"}),
    ("/segments/0/rulesText", "[" * 100_000, {"/segments/0"}),
    ("/segments/1/name", "vip", {"/segments/1", f"/refreshStates/{OTHERS}"}),
    ("/segments/0/isDynamic", True, {f"/assignments/{SEGMENT}"}),
    (f"/assignments/{SEGMENT}/{NOBODY}", ASSIGNMENT, {f"/assignments/{SEGMENT}/{NOBODY}"}),
    (f"/assignments/{NOBODY}", {}, {f"/assignments/{NOBODY}"}),
    (f"/refreshStates/{NOBODY}", None, {f"/refreshStates/{NOBODY}"}),
    ("/changes/0/customerId", NOBODY, {"/changes/0"}),
    ("/changes/0/segmentId", NOBODY, {"/changes/0"}),
    ("/changes", twice, {"/changes/1"}),
    ("/lastSequence", ABSENT, {"/lastSequence"}),
    ("/capturesCustomers", False, {"/capturesCustomers"}),
]


@pytest.mark.parametrize(("pointer", "value", "places"), CONTRADICTIONS)
async def test_rows_that_contradict_each_other_are_refused(
    storage: MemoryStorage, pointer: str, value: object, places: set[str]
) -> None:
    data = with_value(storage.dump(), pointer, value)
    assert await refusal(storage, data) == {f"{AT}{place} INVALID_VALUE" for place in places}


async def test_two_keys_for_one_customer_are_refused(storage: MemoryStorage) -> None:
    place = f"/assignments/{SEGMENT}"
    data = with_value(storage.dump(), f"{place}/{str(ADA).upper()}", ASSIGNMENT)
    assert await refusal(storage, data) == {f"{AT}{place} INVALID_FORMAT"}


async def test_a_rule_that_cannot_be_read_is_refused_with_the_place_in_its_text(
    storage: MemoryStorage,
) -> None:
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    text = '{"conditions": [{"field": "nobody", "operator": "eq", "value": 1}]}'
    with_value(data, "/segments/1/rulesText", text)
    with pytest.raises(Invalid, match=r"rules.conditions\[0\].field"):
        await storage.restore(data)
    assert await refusal(storage, data) == {f"{AT}/segments/1 INVALID_VALUE"}


async def test_a_rule_about_orders_needs_the_capture_of_orders(storage: MemoryStorage) -> None:
    text = '{"conditions": [{"field": "totalSpent", "operator": "gt", "value": 1}]}'
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    with_value(data, "/segments/1/rulesText", text)
    with_value(data, "/capturesOrders", False)
    assert await refusal(storage, data) == {f"{AT}/capturesOrders INVALID_VALUE"}


OF_ERASED: list[tuple[str, object, str]] = [
    ("/erasedCustomers/0/deletedAt", None, "/erasedCustomers/0/deletedAt INVALID_TYPE"),
    ("/erasedCustomers/0/email", "a@b.test", "/erasedCustomers/0/email UNKNOWN_FIELD"),
    ("/erasedCustomers/0/counts", {"customer": 1}, "/erasedCustomers/0 INVALID_VALUE"),
    ("/orders/0/orderNumber", "No 1", "/orders/0 INVALID_VALUE"),
]


@pytest.mark.parametrize(("pointer", "value", "problem"), OF_ERASED)
async def test_an_erased_customer_does_not_get_personal_data_back(
    storage: MemoryStorage, pointer: str, value: object, problem: str
) -> None:
    full_tenant = await store_full_tenant(MemoryStorage(currency=USD), TENANT)
    await erase(storage, full_tenant.ada)
    data = with_value(storage.dump(), pointer, value)
    assert await refusal(storage, data) == {f"{AT}{problem}"}


async def test_an_erased_customer_does_not_share_an_id(storage: MemoryStorage) -> None:
    full_tenant = await store_full_tenant(MemoryStorage(currency=USD), TENANT)
    await erase(storage, full_tenant.ada)
    data = with_value(storage.dump(), "/erasedCustomers/0/id", str(BOB))
    assert f"{AT}/erasedCustomers/0 INVALID_VALUE" in await refusal(storage, data)


async def test_an_erased_customer_does_not_get_an_address_back(storage: MemoryStorage) -> None:
    addresses = storage.dump()[TENANT]["addresses"]
    full_tenant = await store_full_tenant(MemoryStorage(currency=USD), TENANT)
    await erase(storage, full_tenant.ada)
    data = with_value(storage.dump(), "/addresses", addresses)
    assert await refusal(storage, data) == {f"{AT}/addresses/0 INVALID_VALUE"}


async def test_bad_values_are_reported_before_contradictions(storage: MemoryStorage) -> None:
    data = with_value(storage.dump(), "/customers/1/email", "ada@example.test")
    with_value(data, "/customers/0/version", Decimal(1))
    with_value(data, "/addresses/0/city", "")
    assert await refusal(storage, data | {" ": {}}) == {
        f"{AT}/customers/0/version INVALID_TYPE",
        f"{AT}/addresses/0/city REQUIRED",
        "/  INVALID_TENANT",
    }


@pytest.mark.parametrize("data", [None, [], "{}", 1])
async def test_what_is_no_object_is_refusal(storage: MemoryStorage, data: object) -> None:
    assert await refusal(storage, data) == {" INVALID_TYPE"}


async def test_pointers_begin_at_the_place_of_the_data(storage: MemoryStorage) -> None:
    places = await refusal(storage, {"one": [], "two ": {}}, at=JsonPointer(("tenants",)))
    assert places == {"/tenants/one INVALID_TYPE", "/tenants/two  INVALID_TENANT"}


async def test_at_most_a_hundred_problems_are_reported(storage: MemoryStorage) -> None:
    with pytest.raises(Invalid) as raised:
        await storage.restore({TENANT: {"customers": [None] * 2_000}})
    *problems, last = raised.value.problems
    assert (len(problems), last.code) == (100, "TOO_MANY_PROBLEMS")
