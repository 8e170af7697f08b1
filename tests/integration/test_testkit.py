"""The test kit for consumers: its fixtures, its typed client, and how it starts the service.

Its plugin is installed here as in a consumer's environment, so its fixtures are available.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from customers_testkit import server
from customers_testkit.caller import Caller, CustomersError
from customers_testkit.client import CustomersClient
from customers_testkit.controls import CallLog, Clock, Faults, Journal, States
from customers_testkit.exact import decode, encode
from customers_testkit.principals import Kind, NoTokens, Principals
from customers_testkit.server import SETTINGS, Server, ServiceDidNotStart, connect, running
from customers_testkit.shapes import CustomerDetails, RuleCondition

from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.grpc_service import an_order, usd
from tests.support.service_process import COMMAND, is_alive

ROOT = Path(__file__).parents[2]
ADA: CustomerDetails = {"email": "ada@example.test", "firstName": "Ada", "lastName": ""}
# Calls over REST in the default currency, and a connection over gRPC.
CALLS = """
import grpc
def test_rest(customers_client, customers_states):
    vip = customers_states.set("a customer exists")["customerId"]
    order = {"orderId": "o", "totalAmount": 5, "currency": "USD"}
    assert customers_client.record_order(vip, order)["customer"]["totalOrders"] == 1
def test_grpc(customers_server):
    grpc.channel_ready_future(customers_server.channel()).result(timeout=60)
"""
# Callers of every kind, of a service that authenticates callers.
KINDS_OF_CALLERS = """
import grpc
import pytest
from customers_testkit.caller import CustomersError
ADA = {"email": "ada@example.test", "firstName": "Ada", "lastName": ""}
@pytest.mark.parametrize("kind", ["staff", "service", "key"])
def test_rest(customers_client, customers_principal, kind):
    customer = customers_client.register_customer(ADA)["id"]
    caller = customers_principal(kind, permissions=["customers:view"])
    assert caller.client.get_customer(customer)["id"] == customer
    assert list(caller.headers) == ["Authorization"]
    with pytest.raises(CustomersError, match="403 PERMISSION_DENIED"):
        caller.client.register_customer(ADA)
    with pytest.raises(CustomersError, match="403 TENANT_FORBIDDEN|404"):
        customers_principal(kind, tenant="another").client.get_customer(customer)
def test_shopper(customers_client, customers_principal):
    customer = customers_client.register_customer(ADA)["id"]
    shopper = customers_principal("shopper", email=ADA["email"], email_verified=True).client
    assert shopper.caller.call("GET", "/api/v1/storefront/customers/me")["customerId"] == customer
    with pytest.raises(CustomersError, match="403 PERMISSION_DENIED"):
        shopper.list_customers()
def test_grpc(customers_server, customers_principal, customers_tenant):
    from customers.entrypoints.grpc.generated.customers_pb2 import RecordOrderRequest
    from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
    stub = CustomersServiceStub(customers_server.channel())
    request = RecordOrderRequest(tenant_id=customers_tenant)
    codes = []
    for permission in ("customers:view", "orders:record"):
        caller = customers_principal(permissions=[permission])
        with pytest.raises(grpc.RpcError) as refused:
            stub.RecordOrder(request, metadata=caller.metadata)
        codes.append(refused.value.code().name)
    assert codes == ["PERMISSION_DENIED", "INVALID_ARGUMENT"]
def test_months_later(customers_client, customers_clock):
    customers_clock.advance(days=400)
    assert customers_client.list_customers()["customers"] == []
"""
ONLY_KEYS = """
import pytest
def test_keys(customers_client, customers_principal):
    from customers_testkit.principals import NoTokens
    assert customers_client.list_customers()["customers"] == []
    viewer = customers_principal("key", permissions=["customers:view"])
    assert viewer.client.list_customers()["customers"] == []
    with pytest.raises(NoTokens, match="--auth jwt"):
        customers_principal("staff")
"""
DOCUMENTS = [ROOT / "testkit" / "README.md", ROOT / "docs" / "memory-mode.md"]


def blocks(document: Path, language: str) -> list[str]:
    """The blocks of code of a language in a document."""
    return re.findall(rf"```{language}\n(.*?)```", document.read_text("utf-8"), re.DOTALL)


def pytest_output(folder: Path, *options: str, **variables: str) -> str:
    """The output of pytest in a folder, with the plugins of the kit and of `options` only."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "customers_testkit.plugin", *options]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **variables,
    }
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_documented_test_passes_in_an_empty_folder(document: Path, tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(blocks(document, "python")[0])
    assert "1 passed" in pytest_output(tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_documented_test_of_callers_passes_with_its_settings(
    document: Path, tmp_path: Path
) -> None:
    [settings], [_, code] = blocks(document, "ini"), blocks(document, "python")
    (tmp_path / "pytest.ini").write_text(settings)
    (tmp_path / "test_callers.py").write_text(code)
    assert "1 passed" in pytest_output(tmp_path)


def test_every_kind_of_caller_calls_over_rest_and_grpc(tmp_path: Path) -> None:
    (tmp_path / "test_kinds.py").write_text(KINDS_OF_CALLERS)
    output = pytest_output(tmp_path, CUSTOMERS_OPTIONS="--auth jwt")
    assert "6 passed" in output, output


def test_a_service_that_believes_a_gateway_makes_keys_only(tmp_path: Path) -> None:
    (tmp_path / "test_keys.py").write_text(ONLY_KEYS)
    options = "--auth gateway --gateway-peers 10.0.0.0/8"
    output = pytest_output(tmp_path, CUSTOMERS_OPTIONS=options)
    assert "1 passed" in output, output


@pytest.mark.parametrize("kind", ["staff", "service", "shopper", "key"])
def test_a_caller_of_a_service_that_asks_nobody_names_the_option(
    customers_principal: Principals, kind: Kind
) -> None:
    with pytest.raises(NoTokens, match="customers_options = --auth jwt"):
        customers_principal(kind)


def test_what_the_service_refuses_of_a_caller_is_raised(
    customers_principal: Principals,
) -> None:
    with pytest.raises(CustomersError, match="400 VALIDATION_FAILED"):
        customers_principal("staff", permissions=["customers:veiw"])


def test_settings_and_packages_of_the_consumer_do_not_affect_the_service(tmp_path: Path) -> None:
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "__init__.py").touch()
    (tmp_path / "test_calls.py").write_text(CALLS)
    nowhere = "http://127.0.0.1:9"
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere, "ALL_PROXY": nowhere}
    settings = {"DATABASE_URL": "mysql://own", "HOST": "own.invalid", "CURRENCY": "EUR"}
    assert "2 passed" in pytest_output(tmp_path, **proxies, **settings)


def test_every_setting_of_the_service_is_hidden_from_it() -> None:
    help_text = subprocess.run(
        [*COMMAND, "serve", "--help"], check=True, capture_output=True, text=True
    )
    assert set(re.findall(r"(?:\[env:|, or)\s+([A-Z_]+)", help_text.stdout)) == SETTINGS


def test_parallel_tests_share_a_service_in_separate_tenants(
    customers_server: Server, tmp_path: Path
) -> None:
    (tmp_path / "test_crowd.py").write_text(
        "import pytest\n"
        # The names differ only in characters that a tenant id cannot have.
        "@pytest.mark.parametrize('mark', ['!' * count for count in range(1, 21)])\n"
        "def test_alone(customers_client, customers_server, mark):\n"
        f"    assert customers_server.http == {customers_server.http!r}\n"
        f"    customer = customers_client.register_customer({ADA!r})\n"
        "    [listed] = customers_client.list_customers()['customers']\n"
        "    assert listed['id'] == customer['id']\n"
    )
    output = pytest_output(
        tmp_path, *("-p", "xdist", "-n", "4"), CUSTOMERS_URL=customers_server.http
    )
    assert "20 passed" in output


def test_the_generated_client_matches_the_document() -> None:
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "testkit/generate.py", "--check", "docs/openapi.json"]
    run = subprocess.run(
        command, cwd=ROOT, env={"PATH": search}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_customers_can_be_registered_and_read(customers_client: CustomersClient) -> None:
    customer = customers_client.register_customer(ADA)
    again = customers_client.register_customer(ADA)
    assert again == customers_client.get_customer(customer["id"])
    listed = customers_client.list_customers(status=["ACTIVE", "BLOCKED"], page=1, search="ada@")
    assert [customer["id"] for customer in listed["customers"]] == [customer["id"]]


def test_a_list_by_no_value_at_all_is_not_a_list_of_everybody(
    customers_client: CustomersClient,
) -> None:
    with pytest.raises(ValueError, match="tags is an empty list"):
        customers_client.list_customers(tags=[])


def test_a_refused_call_raises_an_error_with_details(customers_client: CustomersClient) -> None:
    with pytest.raises(CustomersError) as caught:
        customers_client.register_customer({**ADA, "email": "no"})
    error = caught.value
    assert (error.status, error.code) == (400, "VALIDATION_FAILED")
    assert [detail["pointer"] for detail in error.details] == ["/email"]


def test_a_wrapped_error_has_code_and_message(customers_client: CustomersClient) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    with pytest.raises(CustomersError, match="404 ADDRESS_NOT_FOUND") as caught:
        customers_client.get_address(customer, customer)
    assert caught.value.message == "address not found"


def test_request_headers_can_be_set_and_response_headers_read(
    customers_client: CustomersClient,
) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    customers_client.get_customer(customer)
    answer = customers_client.caller.last_response
    assert answer is not None
    assert answer.headers["ETag"] == '"1"'
    with pytest.raises(CustomersError, match="412"):
        customers_client.update_customer(customer, {"firstName": "Eve"}, if_match='"7"')


@pytest.mark.parametrize("amount", [Decimal("999999999999.99"), Decimal("0.10"), Decimal(7), 3])
def test_amounts_are_exact_in_both_directions(
    customers_client: CustomersClient, amount: Decimal
) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    result = customers_client.record_order(customer, {"orderId": "o", "totalAmount": amount})
    assert result["customer"]["totalSpent"] == amount
    assert isinstance(result["customer"]["totalSpent"], Decimal)


def test_json_is_written_exactly() -> None:
    value = {"a": [Decimal("0.10"), None, True, "ä\n"], "b": {"c": Decimal("1E+2")}, "d": ()}
    assert encode(value) == b'{"a":[0.10,null,true,"\\u00e4\\n"],"b":{"c":1E+2},"d":[]}'
    assert decode(encode(value))["a"][0] == Decimal("0.10")
    for bad in (Decimal("NaN"), float("inf")):
        with pytest.raises(ValueError, match=r"is not an amount|not JSON compliant"):
            encode({"amount": bad})


def test_an_order_repeated_after_a_lost_answer_counts_once(
    customers_client: CustomersClient, customers_faults: Faults, customers_calls: CallLog
) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    fault = customers_faults.lose_answer("recordOrder")
    assert customers_faults.hits(fault) == 0
    with pytest.raises(httpx.TransportError):
        customers_client.record_order(customer, {"orderId": "o", "totalAmount": 5})
    again = customers_client.record_order(customer, {"orderId": "o", "totalAmount": 5})
    assert (again["duplicate"], again["customer"]["totalOrders"]) == (True, 1)
    assert [call["lost"] for call in customers_calls.requests("recordOrder")] == [True, False]
    assert customers_faults.hits(fault) == 1


def test_the_recorded_calls_have_their_earlier_name_too(
    customers_client: CustomersClient, customers_calls: CallLog, customers_journal: Journal
) -> None:
    customers_client.register_customer(ADA)
    assert customers_journal.requests() == customers_calls.requests() != []


def test_grpc_can_be_called_with_own_stubs(
    customers_server: Server,
    customers_tenant: str,
    customers_client: CustomersClient,
    customers_calls: CallLog,
) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    stub: Callable[..., object] = CustomersServiceStub(customers_server.channel()).RecordOrder  # type: ignore[arg-type]
    stub(an_order(customer, tenant_id=customers_tenant, order_total=usd(5)))
    assert [call["transport"] for call in customers_calls.requests("recordOrder")] == ["grpc"]


def test_an_outage_affects_only_its_tenant(
    customers_client: CustomersClient, customers_faults: Faults, customers_server: Server
) -> None:
    customers_faults.unavailable(times=1)
    others = CustomersClient(Caller(customers_server.client, "somebody-else"))
    assert others.list_customers()["customers"] == []
    with pytest.raises(CustomersError, match="503"):
        customers_client.list_customers()
    customers_faults.add("listCustomers", status=500, delay=timedelta(milliseconds=1))
    customers_faults.clear()
    assert customers_client.list_customers()["customers"] == []


def test_a_state_returns_its_values(
    customers_client: CustomersClient, customers_states: States
) -> None:
    values = customers_states.set("a VIP with 3 orders", amount=Decimal("12.50"))
    vip = customers_client.get_customer(values["customerId"])
    assert (vip["customerType"], vip["totalSpent"]) == ("VIP", Decimal("37.50"))


def test_time_moves_a_customer_into_a_segment(
    customers_client: CustomersClient, customers_clock: Clock
) -> None:
    customer = customers_client.register_customer(ADA)["id"]
    old: RuleCondition = {"field": "days_since_created", "operator": "gt", "value": 90}
    customers_client.create_segment({"name": "Old", "rules": [old]})
    assert customers_client.list_segments_of_customer(customer) == []
    before = customers_clock.now()
    assert customers_clock.advance(days=91) >= before + timedelta(days=91)
    [segment] = customers_client.list_segments_of_customer(customer)
    assert segment["name"] == "Old"


def test_the_clock_does_not_move_back(customers_clock: Clock) -> None:
    with pytest.raises(CustomersError, match="must not be in the past"):
        customers_clock.set(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("number", range(5))
def test_every_test_has_an_unused_tenant(customers_client: CustomersClient, number: int) -> None:
    assert customers_client.list_customers()["customers"] == []
    assert customers_client.register_customer(ADA)["id"].endswith("-000000000001")


def test_an_unknown_command_raises_a_readable_error() -> None:
    with (
        pytest.raises(ServiceDidNotStart, match="'no-such-command' cannot be run"),
        running("no-such-command"),
    ):
        pass


def test_the_error_of_a_bad_option_is_passed_on() -> None:
    with pytest.raises(ServiceDidNotStart, match='"soon" is not a date and time'):  # noqa: SIM117
        with running(*COMMAND, ["--clock", "soon"]):
            pass


def test_a_command_that_never_serves_raises_a_readable_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "TIMEOUT_SECONDS", 0.2)
    never = shlex.join([sys.executable, "-c", "import time; time.sleep(60)"])
    message = r"was not ready within 0\.2 seconds: no output"
    with pytest.raises(ServiceDidNotStart, match=message), running(never):
        pass


def test_a_channel_without_a_grpc_address_raises_an_error_with_the_option() -> None:
    with (
        connect("http://127.0.0.1:9", "") as it,
        pytest.raises(ValueError, match="--customers-grpc"),
    ):
        it.channel()


def test_the_service_ends_with_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(customers_server, record_property):\n"
        "    import os, pathlib\n"
        "    children = pathlib.Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children')\n"
        "    pathlib.Path('pid').write_text(children.read_text())\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    [pid] = map(int, (tmp_path / "pid").read_text().split())
    assert not is_alive(pid)
