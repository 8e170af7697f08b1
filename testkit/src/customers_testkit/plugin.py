"""The fixtures. Nothing is started before a test requests one."""

import os
import re
import shlex
from collections.abc import Iterator
from uuid import uuid4

import pytest

from customers_testkit.caller import Caller
from customers_testkit.client import CustomersClient
from customers_testkit.controls import CallLog, Clock, Faults, States
from customers_testkit.principals import Kind, Principals, kind_for_everything
from customers_testkit.server import Server, connect, running


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("customers", "the customers service in memory")
    for name, help_text in _OPTIONS.items():
        group.addoption(f"--customers-{name}", default=None, help=help_text)
        parser.addini(f"customers_{name}", help_text, default="")


@pytest.fixture(scope="session")
def customers_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The service: started for this session, or the running one at `--customers-url`."""
    options = {name: _option(pytestconfig, name) for name in _OPTIONS}
    if options["url"]:
        service = connect(options["url"], options["grpc"])
    else:
        service = running(options["command"], shlex.split(options["options"]))
    with service as server:
        yield server


@pytest.fixture
def customers_tenant(request: pytest.FixtureRequest, customers_server: Server) -> Iterator[str]:
    """A tenant for this test only; its data is removed after the test."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:80].strip("-")
    tenant = f"{name}-{uuid4().hex[:12]}"
    yield tenant
    reset = Caller(customers_server.client)
    reset.call("POST", "/__test/reset", query={"tenant_id": tenant})


@pytest.fixture
def customers_client(
    customers_server: Server,
    customers_tenant: str,
    customers_principal: Principals,
    _customers_kind: Kind | None,
) -> CustomersClient:
    """The REST client of the tenant: a method for every operation.

    If the service authenticates callers, this client may do everything in the tenant.
    """
    if _customers_kind is None:
        return CustomersClient(Caller(customers_server.client, customers_tenant))
    return customers_principal(_customers_kind).client


@pytest.fixture
def customers_principal(customers_server: Server, customers_tenant: str) -> Principals:
    """Makes callers: `customers_principal("staff", permissions=["customers:view"]).client`."""
    return Principals(customers_server, customers_tenant)


@pytest.fixture
def customers_states(_customers_controls: Caller, customers_tenant: str) -> States:
    """Sets up provider states by name."""
    return States(_customers_controls, customers_tenant)


@pytest.fixture
def customers_clock(_customers_controls: Caller) -> Clock:
    """Reads and moves the clock of the service."""
    return Clock(_customers_controls)


@pytest.fixture
def customers_faults(_customers_controls: Caller, customers_tenant: str) -> Iterator[Faults]:
    """Makes calls of the tenant fail; faults are removed after the test."""
    faults = Faults(_customers_controls, customers_tenant)
    yield faults
    faults.clear()


@pytest.fixture
def customers_calls(_customers_controls: Caller, customers_tenant: str) -> CallLog:
    """The calls of the tenant that the service received, over REST and gRPC."""
    return CallLog(_customers_controls, customers_tenant)


@pytest.fixture
def customers_journal(customers_calls: CallLog) -> CallLog:
    """The earlier name of `customers_calls`."""
    return customers_calls


@pytest.fixture(scope="session")
def _customers_kind(customers_server: Server) -> Kind | None:
    """The kind of caller that `customers_client` is; None if authentication is off."""
    return kind_for_everything(customers_server)


@pytest.fixture
def _customers_controls(customers_server: Server) -> Caller:
    """A caller of the test API, which needs no tenant."""
    return Caller(customers_server.client)


_OPTIONS = {
    "command": "command that runs the service, such as: .venv/bin/customers",
    "options": "further options of that command, such as: --clock 2026-01-01T00:00:00Z",
    "url": "address of a running service with its test API, instead of starting one",
    "grpc": "host and port of that service's gRPC",
}


def _option(config: pytest.Config, name: str) -> str:
    """The command-line option, else the environment variable, else the ini file's value."""
    option = config.getoption(f"customers_{name}")
    variable = os.environ.get(f"CUSTOMERS_{name.upper()}", "")
    return str(option or variable or config.getini(f"customers_{name}"))
