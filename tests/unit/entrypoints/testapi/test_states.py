"""Provider states: named situations that tests and Pact verifiers set up."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory_service import MemoryService

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


async def customer(service: MemoryService, values: Any) -> Any:
    return (await service.api.get(f"/customers/{values['customerId']}")).body


def test_the_documentation_shows_the_file_of_every_state() -> None:
    page = (Path(__file__).parents[4] / "docs" / "memory-mode.md").read_text("utf-8")
    texts = [file.read_text("utf-8") for file in FOLDER.iterdir()]
    assert len(texts) == len(STATES)
    assert all(f"```yaml\n{text}```" in page for text in texts)


async def test_the_states_are_listed_with_their_parameters(service: MemoryService) -> None:
    states = (await service.call("GET", "/states"))["states"]
    assert {state["name"] for state in states} == STATES
    assert all(state["description"] for state in states)
    [blocked] = [state for state in states if state["name"] == "a blocked customer"]
    assert blocked["params"].keys() == {"customerId", "email", "firstName", "lastName", "reason"}


@pytest.mark.parametrize("state", sorted(STATES))
async def test_every_state_can_be_set_up_again_and_again(
    service: MemoryService, state: str
) -> None:
    first, second = [await service.set_state(state) for _ in range(2)]
    assert first.keys() == second.keys()


@pytest.mark.parametrize("state", sorted(STATES - {"no customers", "the service is unavailable"}))
async def test_a_state_may_name_the_customers_id(service: MemoryService, state: str) -> None:
    for _ in range(2):
        assert (await service.set_state(state, customerId=ID))["customerId"] == ID


async def test_a_customer_exists_as_the_parameters_say(service: MemoryService) -> None:
    params = {"email": "ada@example.test", "firstName": "Ada", "customerType": "VIP", "tags": ["a"]}
    ada = await customer(service, await service.set_state("a customer exists", **params))
    assert {key: ada[key] for key in params} == params
    assert (ada["lastName"], ada["status"]) == ("Doe", "ACTIVE")


async def test_an_existing_customer_is_restored_and_changed_to_the_parameters(
    service: MemoryService,
) -> None:
    before = await service.set_state("a blocked customer", customerId=ID)
    await service.api.delete(f"/customers/{ID}")
    after = await service.set_state("a customer exists", customerId=ID, firstName="Eve")
    eve = await customer(service, after)
    assert (before["customerId"], eve["firstName"], eve["status"]) == (ID, "Eve", "ACTIVE")


async def test_no_customers_deletes_customers_and_orders(service: MemoryService) -> None:
    for _ in range(2):
        customer = (await service.set_state("a customer exists"))["customerId"]
        order = {"orderId": "o-1", "totalAmount": 5}
        response = await service.api.post(f"/customers/{customer}/record-order", order)
        assert response.body["duplicate"] is False
        assert await service.set_state("no customers") == {}
        assert (await service.api.get("/customers")).body["total"] == 0


async def test_a_blocked_customer_has_the_given_reason(service: MemoryService) -> None:
    values = await service.set_state("a blocked customer", reason="three chargebacks")
    blocked = await customer(service, values)
    assert (blocked["status"], blocked["lockReason"]) == ("BLOCKED", "three chargebacks")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("a VIP with N orders", {"orders": 4, "amount": Decimal("12.50")}),
        ("a VIP with 4 orders", {"amount": "12.50"}),
        ("A VIP with 4 Orders", {"amount": Decimal("12.50")}),
    ],
)
async def test_a_vip_has_the_number_of_orders_in_the_name_or_parameter(
    service: MemoryService, name: str, params: dict[str, Any]
) -> None:
    values = await service.set_state(name, **params)
    vip = await customer(service, values)
    assert (vip["customerType"], vip["totalOrders"]) == ("VIP", 4)
    assert (vip["totalSpent"], len(values["orderIds"])) == (50, 4)


async def test_setting_another_number_of_orders_replaces_the_orders(service: MemoryService) -> None:
    await service.set_state("a VIP with 4 orders")
    vip = await customer(service, await service.set_state("a VIP with 2 orders"))
    assert vip["totalOrders"] == 2


async def test_a_customer_in_a_segment_is_a_member_of_the_named_segment(
    service: MemoryService,
) -> None:
    values = await service.set_state("a customer in a segment", segmentName="Friends")
    [segment] = (await service.api.get(f"/customers/{values['customerId']}/segments")).body
    assert (segment["id"], segment["name"]) == (values["segmentId"], "Friends")


async def test_an_erased_customer_is_not_found(service: MemoryService) -> None:
    values = await service.set_state("an erased customer")
    assert (await service.api.get(f"/customers/{values['customerId']}")).status == 404


async def test_an_unavailable_service_answers_503_to_one_tenant_for_the_given_times(
    service: MemoryService,
) -> None:
    await service.set_state("the service is unavailable", times=1)
    other = await service.of_tenant("another").api.get("/customers")
    statuses = [(await service.api.get("/customers")).status for _ in range(2)]
    assert (other.status, statuses) == (200, [503, 200])


async def test_the_tenant_of_a_state_may_be_named_in_body_query_or_header(
    service: MemoryService,
) -> None:
    request = {"state": "a customer exists"}
    by_body = await service.send("POST", "/states", request | {"tenantId": "t-1"})
    by_query = await service.send("POST", "/states?tenant_id=t-2", request)
    by_header = await service.api.send("POST", "/states", request, base="/__test")
    tenants = [answer.body["tenantId"] for answer in (by_body, by_query, by_header)]
    assert tenants == ["t-1", "t-2", service.tenant]


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
async def test_a_bad_state_request_is_refused_with_pointers(
    service: MemoryService, body: object, pointers: set[str] | None
) -> None:
    answer = await service.send("POST", "/states", body)
    assert answer.status == 400
    assert answer.pointers == ({"/params/orders"} if pointers is None else pointers)


async def test_the_service_can_be_unavailable_for_all_tenants(service: MemoryService) -> None:
    state = {"state": "the service is unavailable"}
    assert (await service.call("POST", "/states", state))["tenantId"] is None
    for tenant in ("a", "b"):
        assert (await service.of_tenant(tenant).api.get("/customers")).status == 503
    await service.call("POST", "/pact-state", {**state, "action": "teardown"})
    assert (await service.api.get("/customers")).status == 200


async def test_an_unknown_state_without_a_tenant_is_refused(service: MemoryService) -> None:
    answer = await service.send("POST", "/states", {"state": "nonsense"})
    assert (answer.status, answer.pointers) == (400, {"/state"})


async def test_a_state_that_needs_a_tenant_is_refused_without_one(service: MemoryService) -> None:
    answer = await service.send("POST", "/states", {"state": "no customers"})
    assert (answer.status, answer.code) == (400, "TENANT_REQUIRED")


async def test_the_email_of_a_customer_with_another_id_is_refused(service: MemoryService) -> None:
    await service.set_state("a customer exists", email="a@example.test")
    params = {"tenantId": service.tenant, "email": "a@example.test", "customerId": ID}
    answer = await service.send("POST", "/states", {"state": "a customer exists", "params": params})
    assert (answer.status, answer.pointers) == (400, {"/params/email"})


async def test_a_pact_verifier_gets_the_values_at_the_top_level(service: MemoryService) -> None:
    request = {
        "consumer": "storefront",
        "state": "a customer exists",
        "params": {"tenantId": service.tenant},
        "action": "setup",
    }
    values = await service.call("POST", "/pact-state", request)
    assert values.keys() == {"tenantId", "customerId"}
    assert (await customer(service, values))["id"] == values["customerId"]


async def test_a_pact_teardown_removes_the_faults_of_the_state(service: MemoryService) -> None:
    request = {"state": "the service is unavailable", "params": {"tenantId": service.tenant}}
    await service.add_fault("listSegments", status=503)
    await service.call("POST", "/pact-state", request | {"action": "setup"})
    assert (await service.api.get("/customers")).status == 503
    assert await service.call("POST", "/pact-state", request | {"action": "teardown"}) == {}
    assert (await service.api.get("/customers")).status == 200
    assert len((await service.call("GET", "/faults"))["faults"]) == 1
