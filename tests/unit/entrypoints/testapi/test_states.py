"""Provider states, by name, with parameters, as tests and verifiers of Pact ask for them."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory_service import Bench

FOLDER = files("customers.entrypoints.testapi").joinpath("states")
ID = "01981f2e-8a4c-7d31-9c55-3f1c2b7e9a10"
STATES = {
    "a customer exists",
    "no customers",
    "a blocked customer",
    "a VIP with N orders",
    "a customer in a segment",
    "an erased customer",
    "the service is unavailable",
}


async def customer(bench: Bench, values: Any) -> Any:
    return (await bench.api.get(f"/customers/{values['customerId']}")).body


def test_the_documentation_shows_the_file_of_every_state() -> None:
    told = (Path(__file__).parents[4] / "docs" / "memory-mode.md").read_text("utf-8")
    shown = [each.read_text("utf-8") for each in FOLDER.iterdir()]
    assert len(shown) == len(STATES)
    assert all(f"```yaml\n{each}```" in told for each in shown)


async def test_the_states_are_told_with_their_parameters(bench: Bench) -> None:
    states = (await bench.told("GET", "/states"))["states"]
    assert {each["name"] for each in states} == STATES
    assert all(each["description"] for each in states)
    [blocked] = [each for each in states if each["name"] == "a blocked customer"]
    assert blocked["params"].keys() == {"customerId", "email", "firstName", "lastName", "reason"}


@pytest.mark.parametrize("state", sorted(STATES))
async def test_every_state_can_be_set_up_again_and_again(bench: Bench, state: str) -> None:
    first, second = [await bench.state(state) for _ in range(2)]
    assert first.keys() == second.keys()


@pytest.mark.parametrize("state", sorted(STATES - {"no customers", "the service is unavailable"}))
async def test_the_customer_may_be_told_by_id(bench: Bench, state: str) -> None:
    for _ in range(2):
        assert (await bench.state(state, customerId=ID))["customerId"] == ID


async def test_a_customer_exists_as_the_parameters_say(bench: Bench) -> None:
    told = {"email": "ada@example.test", "firstName": "Ada", "customerType": "VIP", "tags": ["a"]}
    shown = await customer(bench, await bench.state("a customer exists", **told))
    assert {key: shown[key] for key in told} == told
    assert (shown["lastName"], shown["status"]) == ("Doe", "ACTIVE")


async def test_a_customer_who_was_there_is_changed_to_what_is_wanted(bench: Bench) -> None:
    before = await bench.state("a blocked customer", customerId=ID)
    await bench.api.delete(f"/customers/{ID}")
    after = await bench.state("a customer exists", customerId=ID, firstName="Eve")
    shown = await customer(bench, after)
    assert (before["customerId"], shown["firstName"], shown["status"]) == (ID, "Eve", "ACTIVE")


async def test_no_customers_leaves_none_and_no_order_either(bench: Bench) -> None:
    for _ in range(2):
        customer = (await bench.state("a customer exists"))["customerId"]
        order = {"orderId": "o-1", "totalAmount": 5}
        told = await bench.api.post(f"/customers/{customer}/record-order", order)
        assert told.body["duplicate"] is False
        assert await bench.state("no customers") == {}
        assert (await bench.api.get("/customers")).body["total"] == 0


async def test_a_blocked_customer_is_blocked_for_that_reason(bench: Bench) -> None:
    values = await bench.state("a blocked customer", reason="three chargebacks")
    shown = await customer(bench, values)
    assert (shown["status"], shown["lockReason"]) == ("BLOCKED", "three chargebacks")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("a VIP with N orders", {"orders": 4, "amount": Decimal("12.50")}),
        ("a VIP with 4 orders", {"amount": "12.50"}),
        ("A VIP with 4 Orders", {"amount": Decimal("12.50")}),
    ],
)
async def test_a_vip_has_so_many_orders(bench: Bench, name: str, params: dict[str, Any]) -> None:
    values = await bench.state(name, **params)
    shown = await customer(bench, values)
    assert (shown["customerType"], shown["totalOrders"]) == ("VIP", 4)
    assert (shown["totalSpent"], len(values["orderIds"])) == (50, 4)


async def test_a_vip_of_another_number_of_orders_has_just_those(bench: Bench) -> None:
    await bench.state("a VIP with 4 orders")
    shown = await customer(bench, await bench.state("a VIP with 2 orders"))
    assert shown["totalOrders"] == 2


async def test_a_customer_is_in_a_segment_of_that_name(bench: Bench) -> None:
    values = await bench.state("a customer in a segment", segmentName="Friends")
    [segment] = (await bench.api.get(f"/customers/{values['customerId']}/segments")).body
    assert (segment["id"], segment["name"]) == (values["segmentId"], "Friends")


async def test_an_erased_customer_is_404(bench: Bench) -> None:
    values = await bench.state("an erased customer")
    assert (await bench.api.get(f"/customers/{values['customerId']}")).status == 404


async def test_an_unavailable_service_is_so_for_the_tenant_and_so_many_times(bench: Bench) -> None:
    await bench.state("the service is unavailable", times=1)
    other = await bench.of_tenant("another").api.get("/customers")
    statuses = [(await bench.api.get("/customers")).status for _ in range(2)]
    assert (other.status, statuses) == (200, [503, 200])


async def test_the_tenant_may_be_named_as_in_every_call(bench: Bench) -> None:
    context = {"state": "a customer exists"}
    by_body = await bench.tell("POST", "/states", context | {"tenantId": "t-1"})
    by_query = await bench.tell("POST", "/states?tenant_id=t-2", context)
    by_header = await bench.api.send("POST", "/states", context, base="/__test")
    tenants = [each.body["tenantId"] for each in (by_body, by_query, by_header)]
    assert tenants == ["t-1", "t-2", bench.tenant]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"state": "a custommer exists", "params": {"tenantId": "t"}}, {"/state"}),
        ({"state": "a customer exists", "params": {"tenantId": "t", "mail": 1}}, {"/params/mail"}),
        ({"state": "a customer exists", "params": {"tenantId": "t", "tags": 1}}, {"/params/tags"}),
        ({"state": "a VIP with N orders", "params": {"tenantId": "t", "orders": -1}}, None),
        ({"state": "a VIP with 9999 orders", "params": {"tenantId": "t"}}, {"/params/orders"}),
        ({"state": "a customer exists", "params": []}, {"/params"}),
        ({"params": {"tenantId": "t"}}, {"/state"}),
        ({"state": 1, "params": {"tenantId": "t"}}, {"/state"}),
    ],
)
async def test_what_cannot_be_set_up_is_refused_and_nothing_is_there(
    bench: Bench, body: object, pointers: set[str] | None
) -> None:
    answer = await bench.tell("POST", "/states", body)
    assert answer.status == 400
    assert answer.pointers == ({"/params/orders"} if pointers is None else pointers)


async def test_a_service_can_be_unavailable_for_all(bench: Bench) -> None:
    state = {"state": "the service is unavailable"}
    assert (await bench.told("POST", "/states", state))["tenantId"] is None
    for tenant in ("a", "b"):
        assert (await bench.of_tenant(tenant).api.get("/customers")).status == 503
    await bench.told("POST", "/pact-state", {**state, "action": "teardown"})
    assert (await bench.api.get("/customers")).status == 200


async def test_an_unknown_state_without_a_tenant_is_named(bench: Bench) -> None:
    answer = await bench.tell("POST", "/states", {"state": "nonsense"})
    assert (answer.status, answer.pointers) == (400, {"/state"})


async def test_a_state_without_a_tenant_is_refused(bench: Bench) -> None:
    answer = await bench.tell("POST", "/states", {"state": "no customers"})
    assert (answer.status, answer.code) == (400, "TENANT_REQUIRED")


async def test_an_email_of_somebody_else_is_a_conflict(bench: Bench) -> None:
    await bench.state("a customer exists", email="a@example.test")
    params = {"tenantId": bench.tenant, "email": "a@example.test", "customerId": ID}
    answer = await bench.tell("POST", "/states", {"state": "a customer exists", "params": params})
    assert (answer.status, answer.pointers) == (400, {"/params/email"})


async def test_a_verifier_of_pact_gets_the_values_flat(bench: Bench) -> None:
    context = {
        "consumer": "storefront",
        "state": "a customer exists",
        "params": {"tenantId": bench.tenant},
        "action": "setup",
    }
    values = await bench.told("POST", "/pact-state", context)
    assert values.keys() == {"tenantId", "customerId"}
    assert (await customer(bench, values))["id"] == values["customerId"]


async def test_a_teardown_takes_the_faults_of_the_state_away(bench: Bench) -> None:
    context = {"state": "the service is unavailable", "params": {"tenantId": bench.tenant}}
    await bench.fault("listSegments", status=503)
    await bench.told("POST", "/pact-state", context | {"action": "setup"})
    assert (await bench.api.get("/customers")).status == 503
    assert await bench.told("POST", "/pact-state", context | {"action": "teardown"}) == {}
    assert (await bench.api.get("/customers")).status == 200
    assert len((await bench.told("GET", "/faults"))["faults"]) == 1
