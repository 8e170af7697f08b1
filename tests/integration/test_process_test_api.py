"""`customers serve` with the test API: how it starts, and where it is not available."""

from contextlib import closing
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.grpc_service import an_order, usd
from tests.support.service_process import MEMORY, call, connect, start_command, start_service

TEST_API = (*MEMORY, "--test-api")
STATE = {"state": "a customer exists", "params": {"tenantId": "tenant"}}


def test_the_test_api_works_over_rest_and_grpc(tmp_path: Path) -> None:
    clock = "2026-01-01T00:00:00Z"
    options = ("--ids", "sequential", "--seed", "7", "--clock", clock)
    with (
        start_service(tmp_path, *TEST_API, *options) as service,
        closing(connect(service)) as caller,
    ):
        customer = call(caller, "POST", "/__test/states", STATE)[1]["values"]["customerId"]
        assert customer.endswith("-000000000001")
        fault = {"match": {"operation": "recordOrder"}, "times": 1, "abort": "after-commit"}
        call(caller, "POST", "/__test/faults", fault)
        order = an_order(customer, tenant_id="tenant", order_total=usd(5))
        with grpc.insecure_channel(service.grpc) as channel:
            stub: Any = CustomersServiceStub(cast("Any", channel))
            with pytest.raises(grpc.RpcError):
                stub.RecordOrder(order)
            assert stub.RecordOrder(order).duplicate
        calls = call(caller, "GET", "/__test/requests?operation=recordOrder")[1]["requests"]
        assert [recorded["lost"] for recorded in calls] == [True, False]
        assert call(caller, "GET", "/__test/clock")[1] == {"now": clock, "stands": True}
        assert call(caller, "GET", "/__test/idle")[0] == 200


def test_a_seed_file_is_loaded_at_the_start(tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.yaml"
    seed_file.write_text("states: [{state: a blocked customer, tenantId: tenant}]")
    options = (*TEST_API, "--seed-file", str(seed_file))
    with start_service(tmp_path, *options) as service, closing(connect(service)) as caller:
        assert call(caller, "GET", "/api/v1/customers?status=BLOCKED")[1]["total"] == 1


def test_an_invalid_seed_file_prevents_the_start_with_a_sentence(tmp_path: Path) -> None:
    (seed_file := tmp_path / "seed.yaml").write_text("states: [{state: a blocked customer}]")
    with start_command(tmp_path, "serve", *TEST_API, "--seed-file", str(seed_file)) as service:
        assert service.exit_code() == 1
    message = f"--seed-file {seed_file}: /states/0/params/tenantId: name the tenant"
    assert service.errors.splitlines()[-1] == f"Error: {message}"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ENVIRONMENT": "production"}, "--test-api: is not allowed in production."),
        ({"ENVIRONMENT": "production", "DATABASE_URL": "postgres://u@db/d"}, "not allowed"),
        ({}, "--test-api: requires memory storage: use --storage memory."),
    ],
)
def test_the_test_api_is_refused_in_production_and_with_a_database(
    tmp_path: Path, environ: dict[str, str], sentence: str
) -> None:
    storage = ("--storage", "memory") if len(environ) == 1 else ()
    with start_command(tmp_path, "serve", "--test-api", *storage, environ=environ) as service:
        assert service.exit_code() == 2
    assert sentence in service.errors


def test_without_the_option_there_is_no_test_api(tmp_path: Path) -> None:
    with start_service(tmp_path, *MEMORY) as service, closing(connect(service)) as caller:
        for method, path in (("POST", "/__test/reset"), ("GET", "/__test/snapshot")):
            status, content, _ = call(caller, method, path)
            assert (status, content["code"]) == (404, "NOT_FOUND")
