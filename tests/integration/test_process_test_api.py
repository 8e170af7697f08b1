"""The command with its test API: how it starts, what it refuses, and that it is gone without it."""

from contextlib import closing
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.service_process import MEMORY, ask, connected, launched, serving
from tests.unit.entrypoints.grpc_service import an_order, usd

BENCH = (*MEMORY, "--test-api")
STATE = {"state": "a customer exists", "params": {"tenantId": "tenant"}}


def test_everything_of_it_works_in_the_process(tmp_path: Path) -> None:
    clock = "2026-01-01T00:00:00Z"
    options = ("--ids", "sequential", "--seed", "7", "--clock", clock)
    with serving(tmp_path, *BENCH, *options) as service, closing(connected(service)) as caller:
        customer = ask(caller, "POST", "/__test/states", STATE)[1]["values"]["customerId"]
        assert customer.endswith("-000000000001")
        fault = {"match": {"operation": "recordOrder"}, "times": 1, "abort": "after-commit"}
        ask(caller, "POST", "/__test/faults", fault)
        order = an_order(customer, tenant_id="tenant", order_total=usd(5))
        with grpc.insecure_channel(service.grpc) as channel:
            stub: Any = CustomersServiceStub(cast("Any", channel))
            with pytest.raises(grpc.RpcError):
                stub.RecordOrder(order)
            assert stub.RecordOrder(order).duplicate
        calls = ask(caller, "GET", "/__test/requests?operation=recordOrder")[1]["requests"]
        assert [each["lost"] for each in calls] == [True, False]
        assert ask(caller, "GET", "/__test/clock")[1] == {"now": clock, "stands": True}
        assert ask(caller, "GET", "/__test/idle")[0] == 200


def test_a_seed_file_is_there_from_the_start(tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.yaml"
    seed_file.write_text("states: [{state: a blocked customer, tenantId: tenant}]")
    options = (*BENCH, "--seed-file", str(seed_file))
    with serving(tmp_path, *options) as service, closing(connected(service)) as caller:
        assert ask(caller, "GET", "/api/v1/customers?status=BLOCKED")[1]["total"] == 1


def test_a_seed_file_that_says_nothing_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (seed_file := tmp_path / "seed.yaml").write_text("states: [{state: a blocked customer}]")
    with launched(tmp_path, "serve", *BENCH, "--seed-file", str(seed_file)) as launch:
        assert launch.exit_code() == 1
    told = f"--seed-file {seed_file}: /states/0/params/tenantId: name the tenant"
    assert launch.errors.splitlines()[-1] == f"Error: {told}"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ENVIRONMENT": "production"}, "--test-api: is refused in production."),
        ({"ENVIRONMENT": "production", "DATABASE_URL": "postgres://u@db/d"}, "refused"),
        ({}, "--test-api: only memory storage has a test API: use --storage memory."),
    ],
)
def test_it_is_refused_where_it_has_no_place(
    tmp_path: Path, environ: dict[str, str], sentence: str
) -> None:
    storage = ("--storage", "memory") if len(environ) == 1 else ()
    with launched(tmp_path, "serve", "--test-api", *storage, environ=environ) as launch:
        assert launch.exit_code() == 2
    assert sentence in launch.errors


def test_without_the_option_it_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path, *MEMORY) as service, closing(connected(service)) as caller:
        for method, path in (("POST", "/__test/reset"), ("GET", "/__test/snapshot")):
            status, said, _ = ask(caller, method, path)
            assert (status, said["code"]) == (404, "NOT_FOUND")
