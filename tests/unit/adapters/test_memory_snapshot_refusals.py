"""Data that the memory storage refuses to restore: each bad place is named, nothing changes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import Invalid
from customers.core.model.json_pointer import JsonPointer
from tests.contract.full_tenant import ADA, BOB, EVE, SEGMENT, set_up
from tests.contract.steps import erase
from tests.support.builders import USD, numbered_id

ABSENT: Final = object()
TENANT = "tenant/1"
AT = "/tenant~11"
NOBODY = str(numbered_id(404))
Data = dict[str, Any]


@pytest.fixture
async def storage() -> MemoryStorage:
    """A storage with Ada, Bob and Eve as customers 0, 1 and 2."""
    storage = MemoryStorage(currency=USD)
    await set_up(storage, TENANT)
    return storage


def with_value(data: Data, pointer: str, value: object) -> Data:
    """The data with the value at a place of the tenant; ABSENT removes it, a function maps it."""
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
    """The places and codes of the problems with data that must not be restored."""
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
    ("/customers/0/statistics", {"totalOrders": 1}, "INVALID_VALUE"),
    ("/addresses/0/country", "USA", "INVALID_FORMAT"),
    ("/paymentMethods/0/lastFour", "12345", "INVALID_FORMAT"),
    ("/paymentMethods/0/gatewayPaymentMethodId", "4111 1111 1111 1111", "CARD_NUMBER_REFUSED"),
    ("/notes/0/note", "\0", "INVALID_VALUE"),
    ("/communications/0/status", "lost", "INVALID_VALUE"),
    ("/orders/0/orderId", "an order", "INVALID_FORMAT"),
    ("/orders/0/totalAmount", "12.505", "INVALID_VALUE"),
    ("/orders/0/totalAmount", 12.5, "INVALID_TYPE"),
    ("/orders/0/orderDate", None, "INVALID_VALUE"),
    ("/orders/1/recordedAt", "2026-01-15T10:00:00Z", "INVALID_VALUE"),
    ("/refunds/0/amount", "0", "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/cause", "whim", "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/number", 0, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/email", "nonsense", "INVALID_FORMAT"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "-1"}, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "0.001"}, "INVALID_VALUE"),
    (f"/pendingChanges/{EVE}/0/before/statistics", {"totalSpent": "1e30"}, "INVALID_VALUE"),
    ("/segments/0/name", "", "REQUIRED"),
    ("/segments/0/rulesText", "{", "INVALID_FORMAT"),
    ("/segments/0/rulesText", '{"conditions": [NaN]}', "INVALID_FORMAT"),
    ("/segments/0/rulesText", "[" * 100_000, "INVALID_FORMAT"),
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
    """The rows, with the last one repeated with some values changed."""
    return lambda rows: [*rows, rows[-1] | changed]


CONTRADICTIONS: list[tuple[str, object, set[str]]] = [
    ("/customers/0/tenantId", "other", {"/customers/0/tenantId INVALID_VALUE"}),
    ("/customers/1/email", "ADA@example.test", {"/customers/1/email EMAIL_TAKEN"}),
    ("/customers/1/id", str(ADA), {"/customers/1/id DUPLICATE"}),
    ("/addresses", twice, {"/addresses/1/id DUPLICATE", "/addresses/1/isDefault INVALID_VALUE"}),
    (
        "/addresses",
        lambda rows: [rows[0] | {"id": str(numbered_id(n)), "isDefault": False} for n in range(21)],
        {"/addresses/20 ADDRESS_LIMIT_EXCEEDED"},
    ),
    ("/addresses/0/customerId", NOBODY, {"/addresses/0/customerId CUSTOMER_NOT_FOUND"}),
    (
        "/paymentMethods",
        again(id=NOBODY),
        {
            "/paymentMethods/1/isDefault INVALID_VALUE",
            "/paymentMethods/1/gatewayPaymentMethodId PAYMENT_METHOD_TAKEN",
        },
    ),
    ("/notes", twice, {"/notes/1/id DUPLICATE"}),
    ("/notes/0/customerId", NOBODY, {"/notes/0/customerId CUSTOMER_NOT_FOUND"}),
    ("/communications", again(id=NOBODY), {"/communications/1/externalId DUPLICATE"}),
    ("/orders", again(), {"/orders/2/orderId DUPLICATE"}),
    ("/orders/1/customerId", NOBODY, {"/orders/1/customerId CUSTOMER_NOT_FOUND"}),
    ("/refunds", twice, {"/refunds/1/refundId DUPLICATE"}),
    ("/refunds/0/orderId", "none", {"/refunds/0/orderId INVALID_VALUE"}),
    (f"/pendingChanges/{EVE}", twice, {f"/pendingChanges/{EVE}/1/number INVALID_VALUE"}),
    (
        f"/pendingChanges/{EVE}/0/before/id",
        str(ADA),
        {f"/pendingChanges/{EVE}/0/before/id CUSTOMER_NOT_FOUND"},
    ),
    (f"/pendingChanges/{NOBODY}", [], {f"/pendingChanges/{NOBODY} CUSTOMER_NOT_FOUND"}),
    ("/lastPendingChange", 0, {"/lastPendingChange INVALID_VALUE"}),
    ("/segments", again(name="VIP 2"), {"/segments/2/id DUPLICATE"}),
    ("/segments/1/name", "vip", {"/segments/1/name SEGMENT_NAME_TAKEN"}),
    ("/segments/0/isDynamic", True, {f"/assignments/{SEGMENT} INVALID_VALUE"}),
    (
        f"/assignments/{SEGMENT}/{NOBODY}",
        {"assignedAt": "2026-01-15T10:00:00Z"},
        {f"/assignments/{SEGMENT}/{NOBODY} CUSTOMER_NOT_FOUND"},
    ),
    (f"/assignments/{NOBODY}", {}, {f"/assignments/{NOBODY} SEGMENT_NOT_FOUND"}),
    (
        f"/assignments/{SEGMENT}/{str(ADA).upper()}",
        {"assignedAt": "2026-01-15T10:00:00Z"},
        {f"/assignments/{SEGMENT} DUPLICATE"},
    ),
    (f"/refreshStates/{NOBODY}", None, {f"/refreshStates/{NOBODY} SEGMENT_NOT_FOUND"}),
    ("/changes/0/customerId", NOBODY, {"/changes/0/customerId CUSTOMER_NOT_FOUND"}),
    ("/changes/0/segmentId", NOBODY, {"/changes/0/segmentId SEGMENT_NOT_FOUND"}),
    ("/changes", twice, {"/changes/1/sequence INVALID_VALUE"}),
    ("/lastSequence", ABSENT, {"/lastSequence INVALID_VALUE"}),
    ("/capturesCustomers", False, {"/capturesCustomers INVALID_VALUE"}),
]


@pytest.mark.parametrize(("pointer", "value", "expected"), CONTRADICTIONS)
async def test_rows_that_contradict_each_other_are_refused(
    storage: MemoryStorage, pointer: str, value: object, expected: set[str]
) -> None:
    data = with_value(storage.dump(), pointer, value)
    assert await refusal(storage, data) == {f"{AT}{problem}" for problem in expected}


async def test_a_bad_rule_is_refused_at_the_place_inside_its_text(storage: MemoryStorage) -> None:
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    text = '{"conditions": [{"field": "nobody", "operator": "eq", "value": 1}]}'
    with_value(data, "/segments/1/rulesText", text)
    place = f"{AT}/segments/1/rulesText/conditions/0/field"
    assert await refusal(storage, data) == {f"{place} UNKNOWN_FIELD"}


async def test_a_rule_about_orders_needs_the_capture_of_orders(storage: MemoryStorage) -> None:
    text = '{"conditions": [{"field": "totalSpent", "operator": "gt", "value": 1}]}'
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    with_value(data, "/segments/1/rulesText", text)
    with_value(data, "/capturesOrders", False)
    assert await refusal(storage, data) == {f"{AT}/capturesOrders INVALID_VALUE"}


OF_ERASED: list[tuple[str, object, str]] = [
    ("/erasedCustomers/0/deletedAt", None, "INVALID_TYPE"),
    ("/erasedCustomers/0/email", "ada@example.test", "UNKNOWN_FIELD"),
    ("/erasedCustomers/0/counts", {"customer": 1}, "INVALID_VALUE"),
    ("/orders/0/orderNumber", "No 1", "INVALID_VALUE"),
]


@pytest.mark.parametrize(("pointer", "value", "code"), OF_ERASED)
async def test_an_erased_customer_does_not_get_personal_data_back(
    storage: MemoryStorage, pointer: str, value: object, code: str
) -> None:
    scene = await set_up(MemoryStorage(currency=USD), TENANT)
    await erase(storage, scene.ada)
    data = with_value(storage.dump(), pointer, value)
    assert await refusal(storage, data) == {f"{AT}{pointer} {code}"}


async def test_an_erased_customer_does_not_share_an_id(storage: MemoryStorage) -> None:
    scene = await set_up(MemoryStorage(currency=USD), TENANT)
    await erase(storage, scene.ada)
    data = with_value(storage.dump(), "/erasedCustomers/0/id", str(BOB))
    assert f"{AT}/erasedCustomers/0/id DUPLICATE" in await refusal(storage, data)


async def test_an_erased_customer_does_not_get_an_address_back(storage: MemoryStorage) -> None:
    addresses = storage.dump()[TENANT]["addresses"]
    scene = await set_up(MemoryStorage(currency=USD), TENANT)
    await erase(storage, scene.ada)
    data = with_value(storage.dump(), "/addresses", addresses)
    assert await refusal(storage, data) == {f"{AT}/addresses/0/customerId CUSTOMER_NOT_FOUND"}


async def test_bad_values_are_reported_before_contradictions(storage: MemoryStorage) -> None:
    data = with_value(storage.dump(), "/customers/1/email", "ada@example.test")
    with_value(data, "/customers/0/version", Decimal(1))
    with_value(data, "/addresses/0/city", "")
    assert await refusal(storage, data | {" ": {}}) == {
        f"{AT}/customers/0/version INVALID_TYPE",
        f"{AT}/addresses/0/city REQUIRED",
        "/  REQUIRED",
    }


@pytest.mark.parametrize("data", [None, [], "{}", 1])
async def test_what_is_no_object_is_refusal(storage: MemoryStorage, data: object) -> None:
    assert await refusal(storage, data) == {" INVALID_TYPE"}


async def test_pointers_begin_at_the_place_of_the_data(storage: MemoryStorage) -> None:
    places = await refusal(storage, {"one": [], "two ": {}}, at=JsonPointer(("tenants",)))
    assert places == {"/tenants/one INVALID_TYPE", "/tenants/two  INVALID_FORMAT"}


async def test_at_most_a_thousand_problems_are_reported(storage: MemoryStorage) -> None:
    with pytest.raises(Invalid) as raised:
        await storage.restore({TENANT: {"customers": [None] * 2_000}})
    assert len(raised.value.problems) == 1_000
