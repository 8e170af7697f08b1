"""What the memory storage does not restore: each bad place is named, and nothing is changed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.errors import Invalid
from customers.core.model.json_pointer import JsonPointer
from tests.support.builders import USD, numbered_id
from tests.support.full_tenant import ADA, store_full_tenant
from tests.support.storage_steps import erase

ABSENT: Final = object()
TENANT = "tenant/1"
AT = "/tenant~11"
NOBODY = str(numbered_id(404))
Data = dict[str, Any]


@pytest.fixture
async def storage() -> MemoryStorage:
    """One of a scene: Ada, Bob and Eve are its customers 0, 1 and 2."""
    storage = MemoryStorage(currency=USD)
    await store_full_tenant(storage, TENANT)
    return storage


def with_value(data: Data, pointer: str, value: object) -> Data:
    """The data with what stands at the place, of one tenant, put in place of what stood there."""
    at: Any = data[TENANT]
    *way, last = [int(key) if key.isdigit() else key for key in pointer[1:].split("/")]
    for key in way:
        at = at[key]
    if value is ABSENT:
        del at[last]
    else:
        at[last] = value(at[last]) if callable(value) else value
    return data


async def refused(
    storage: MemoryStorage, data: object, *, at: JsonPointer | None = None
) -> set[str]:
    """The places and codes of the problems for which the data is not restored."""
    before = storage.dump()
    with pytest.raises(Invalid) as told:
        await (storage.restore(data) if at is None else storage.restore(data, at))
    assert storage.dump() == before
    problems = told.value.problems
    for each in problems:
        last = (each.pointer or "").rpartition("/")[2]
        assert each.field == last.replace("~1", "/").replace("~0", "~")
        assert each.message
    return {f"{each.pointer} {each.code}" for each in problems}


BAD_ROWS: list[tuple[str, object, str]] = [
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
    ("/customers/0/erasedAt", 5, "INVALID_TYPE"),
    ("/customers/0/tags", "vip", "INVALID_TYPE"),
    ("/customers/0/nick~name", "Ada", "UNKNOWN_FIELD"),
    ("/customers/0/statistics", {}, "UNKNOWN_FIELD"),
    ("/customers/0/addresses/0/country", "USA", "INVALID_FORMAT"),
    ("/customers/0/paymentMethods/0/lastFour", "12345", "INVALID_FORMAT"),
    (
        "/customers/0/paymentMethods/0/gatewayPaymentMethodId",
        "4111 1111 1111 1111",
        "CARD_NUMBER_REFUSED",
    ),
    ("/customers/0/journalNotes/0/note", "\0", "INVALID_VALUE"),
    ("/customers/0/communications/0/status", "lost", "INVALID_VALUE"),
    ("/customers/0/orders/0/orderId", "an order", "INVALID_FORMAT"),
    ("/customers/0/orders/0/totalAmount", "12.505", "INVALID_VALUE"),
    ("/customers/0/orders/0/totalAmount", 12.5, "INVALID_TYPE"),
    ("/customers/0/orders/0/orderDate", None, "REQUIRED"),
    ("/customers/0/orders/1/recordedAt", "2026-01-15T10:00:00Z", "INVALID_VALUE"),
    ("/customers/0/orders/0/refunds/0/amount", "0", "INVALID_VALUE"),
    ("/customers/2/pendingChanges/0/cause", "whim", "INVALID_VALUE"),
    ("/customers/2/pendingChanges/0/number", 0, "INVALID_VALUE"),
    ("/customers/2/pendingChanges/0/before/email", "nonsense", "INVALID_FORMAT"),
    ("/customers/2/pendingChanges/0/before/statistics/totalSpent", "-1", "INVALID_VALUE"),
    ("/customers/2/pendingChanges/0/before/statistics/totalSpent", "0.001", "INVALID_VALUE"),
    ("/customers/2/pendingChanges/0/before/statistics/totalSpent", "1e30", "INVALID_VALUE"),
    ("/segments/0/name", "", "REQUIRED"),
    ("/segments/0/rulesText", "{", "INVALID_FORMAT"),
    ("/segments/0/rulesText", '{"conditions": [NaN]}', "INVALID_FORMAT"),
    ("/segments/0/rulesText", "[" * 100_000, "INVALID_FORMAT"),
    ("/segments/0/rulesText", ["rule"], "INVALID_TYPE"),
    ("/segments/0/assignments/0/customerId", "ada", "INVALID_FORMAT"),
    ("/segments/0/assignments/0/assignedAt", ABSENT, "REQUIRED"),
    ("/segments/0/refreshState", [], "INVALID_TYPE"),
    ("/segments/0/refreshState/scanned", -1, "INVALID_VALUE"),
    ("/segments/0/changes/0/entered", "yes", "INVALID_TYPE"),
    ("/lastPendingChange", "1", "INVALID_TYPE"),
    ("/capturesOrders", None, "INVALID_TYPE"),
    ("/orders", [], "UNKNOWN_FIELD"),
]


@pytest.mark.parametrize(("pointer", "value", "code"), BAD_ROWS)
async def test_a_value_that_no_gate_lets_pass_is_refused_at_its_place(
    storage: MemoryStorage, pointer: str, value: object, code: str
) -> None:
    data = with_value(storage.dump(), pointer, value)
    assert await refused(storage, data) == {f"{AT}{pointer.replace('~', '~0')} {code}"}


def twice(rows: list[Data]) -> list[Data]:
    return [*rows, *rows]


def again(**changed: object) -> Callable[[list[Data]], list[Data]]:
    """The rows, and the last one once more, but for what is changed."""
    return lambda rows: [*rows, rows[-1] | changed]


CONTRADICTIONS: list[tuple[str, object, set[str]]] = [
    ("/customers/1/email", "ADA@example.test", {"/customers/1/email EMAIL_TAKEN"}),
    ("/customers/1/id", str(ADA), {"/customers/1/id DUPLICATE"}),
    (
        "/customers/0/addresses",
        twice,
        {
            "/customers/0/addresses/1/id DUPLICATE",
            "/customers/0/addresses/1/isDefault INVALID_VALUE",
        },
    ),
    (
        "/customers/0/addresses",
        lambda rows: [rows[0] | {"id": str(numbered_id(n)), "isDefault": False} for n in range(21)],
        {"/customers/0/addresses ADDRESS_LIMIT_EXCEEDED"},
    ),
    (
        "/customers/0/paymentMethods",
        again(id=NOBODY),
        {
            "/customers/0/paymentMethods/1/isDefault INVALID_VALUE",
            "/customers/0/paymentMethods/1/gatewayPaymentMethodId PAYMENT_METHOD_TAKEN",
        },
    ),
    ("/customers/0/journalNotes", twice, {"/customers/0/journalNotes/1/id DUPLICATE"}),
    (
        "/customers/0/communications",
        again(id=NOBODY),
        {"/customers/0/communications/1/externalId DUPLICATE"},
    ),
    ("/customers/0/orders", again(refunds=[]), {"/customers/0/orders/2/orderId DUPLICATE"}),
    (
        "/customers/0/orders/0/refunds",
        twice,
        {"/customers/0/orders/0/refunds/1/refundId DUPLICATE"},
    ),
    ("/customers/2/pendingChanges", twice, {"/customers/2/pendingChanges/1/number INVALID_VALUE"}),
    ("/lastPendingChange", 0, {"/lastPendingChange INVALID_VALUE"}),
    ("/segments/1/id", lambda _: str(numbered_id(10**12 + 7)), {"/segments/1/id DUPLICATE"}),
    ("/segments/1/name", "vip", {"/segments/1/name SEGMENT_NAME_TAKEN"}),
    (
        "/segments/0/isDynamic",
        True,
        {"/segments/0/assignments INVALID_VALUE"},
    ),
    ("/segments/0/assignments", twice, {"/segments/0/assignments/1/customerId DUPLICATE"}),
    (
        "/segments/0/assignments/0/customerId",
        NOBODY,
        {"/segments/0/assignments/0/customerId CUSTOMER_NOT_FOUND"},
    ),
    (
        "/segments/0/changes/0/customerId",
        NOBODY,
        {"/segments/0/changes/0/customerId CUSTOMER_NOT_FOUND"},
    ),
    ("/segments/0/changes", twice, {"/segments/0/changes/1/sequence INVALID_VALUE"}),
    ("/lastSequence", ABSENT, {"/lastSequence INVALID_VALUE"}),
    ("/capturesCustomers", False, {"/capturesCustomers INVALID_VALUE"}),
]


@pytest.mark.parametrize(("pointer", "value", "expected"), CONTRADICTIONS)
async def test_rows_that_contradict_each_other_are_refused(
    storage: MemoryStorage, pointer: str, value: object, expected: set[str]
) -> None:
    data = with_value(storage.dump(), pointer, value)
    assert await refused(storage, data) == {f"{AT}{each}" for each in expected}


async def test_a_rule_is_refused_at_the_place_inside_its_text(storage: MemoryStorage) -> None:
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    text = '{"conditions": [{"field": "nobody", "operator": "eq", "value": 1}]}'
    with_value(data, "/segments/1/rulesText", text)
    place = f"{AT}/segments/1/rulesText/conditions/0/field"
    assert await refused(storage, data) == {f"{place} UNKNOWN_FIELD"}


async def test_orders_that_rules_depend_on_have_to_be_watched(storage: MemoryStorage) -> None:
    text = '{"conditions": [{"field": "totalSpent", "operator": "gt", "value": 1}]}'
    data = with_value(storage.dump(), "/segments/1/isDynamic", True)
    with_value(data, "/segments/1/rulesText", text)
    with_value(data, "/capturesOrders", False)
    assert await refused(storage, data) == {f"{AT}/capturesOrders INVALID_VALUE"}


ERASED: list[tuple[str, object, str]] = [
    ("/customers/0/deletedAt", None, "REQUIRED"),
    ("/customers/0/email", "ada@example.test", "UNKNOWN_FIELD"),
    ("/customers/0/orders/0/orderNumber", "No 1", "INVALID_VALUE"),
    ("/customers/0/erasure/tables", {"customers": 1}, "INVALID_VALUE"),
]


@pytest.mark.parametrize(("pointer", "value", "code"), ERASED)
async def test_nobody_gets_a_name_back_after_erasure(
    storage: MemoryStorage, pointer: str, value: object, code: str
) -> None:
    scene = await store_full_tenant(MemoryStorage(currency=USD), TENANT)
    await erase(storage, scene.ada)
    data = with_value(storage.dump(), pointer, value)
    assert await refused(storage, data) == {f"{AT}{pointer} {code}"}


async def test_every_bad_place_is_named_before_any_contradiction(storage: MemoryStorage) -> None:
    data = with_value(storage.dump(), "/customers/1/email", "ada@example.test")
    with_value(data, "/customers/0/version", Decimal(1))
    with_value(data, "/customers/0/addresses/0/city", "")
    assert await refused(storage, data | {" ": {}}) == {
        f"{AT}/customers/0/version INVALID_TYPE",
        f"{AT}/customers/0/addresses/0/city REQUIRED",
        "/  REQUIRED",
    }


@pytest.mark.parametrize("data", [None, [], "{}", 1])
async def test_what_is_no_object_is_refused(storage: MemoryStorage, data: object) -> None:
    assert await refused(storage, data) == {" INVALID_TYPE"}


async def test_pointers_begin_at_the_place_that_is_told(storage: MemoryStorage) -> None:
    told = await refused(storage, {"one": [], "two ": {}}, at=JsonPointer(("tenants",)))
    assert told == {"/tenants/one INVALID_TYPE", "/tenants/two  INVALID_FORMAT"}


async def test_no_more_than_a_thousand_problems_are_told(storage: MemoryStorage) -> None:
    with pytest.raises(Invalid) as told:
        await storage.restore({TENANT: {"customers": [None] * 2_000}})
    assert len(told.value.problems) == 1_000
