"""The fixtures. Nothing is started before a test asks for one."""

import os
import re
import shlex
from collections.abc import Iterator
from uuid import uuid4

import pytest

from customers_testkit.caller import Caller
from customers_testkit.client import CustomersClient
from customers_testkit.controls import Clock, Faults, Journal, States
from customers_testkit.server import Server, known, running


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("customers", "the customers service in memory")
    for name, what in _TOLD.items():
        group.addoption(f"--customers-{name}", default=None, help=what)
        parser.addini(f"customers_{name}", what, default="")


@pytest.fixture(scope="session")
def customers_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The service, started for this session; or the one whose address is told."""
    told = {name: _told(pytestconfig, name) for name in _TOLD}
    options = shlex.split(told["options"])
    is_known = bool(told["url"])
    with known(told["url"], told["grpc"]) if is_known else running(told["command"], options) as it:
        yield it


@pytest.fixture
def customers_tenant(request: pytest.FixtureRequest, customers_server: Server) -> Iterator[str]:
    """A tenant of the test's own, which is forgotten when the test has ended."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:80].strip("-")
    tenant = f"{name}-{uuid4().hex[:12]}"
    yield tenant
    reset = Caller(customers_server.client)
    reset.call("POST", "/__test/reset", query={"tenant_id": tenant})


@pytest.fixture
def customers_client(customers_server: Server, customers_tenant: str) -> CustomersClient:
    """The tenant's caller of REST: a method for every operation."""
    return CustomersClient(Caller(customers_server.client, customers_tenant))


@pytest.fixture
def customers_states(_customers_controls: Caller, customers_tenant: str) -> States:
    """Sets situations up by name."""
    return States(_customers_controls, customers_tenant)


@pytest.fixture
def customers_clock(_customers_controls: Caller) -> Clock:
    """Tells the time, and moves it."""
    return Clock(_customers_controls)


@pytest.fixture
def customers_faults(_customers_controls: Caller, customers_tenant: str) -> Iterator[Faults]:
    """Lets the tenant's calls fail; what is armed is taken away when the test has ended."""
    faults = Faults(_customers_controls, customers_tenant)
    yield faults
    faults.clear()


@pytest.fixture
def customers_journal(_customers_controls: Caller, customers_tenant: str) -> Journal:
    """Says which of the tenant's calls came, over REST and gRPC."""
    return Journal(_customers_controls, customers_tenant)


@pytest.fixture
def _customers_controls(customers_server: Server) -> Caller:
    """A caller of the test API, which is of no tenant."""
    return Caller(customers_server.client)


_TOLD = {
    "command": "command that runs the service, such as: .venv/bin/customers",
    "options": "more options for it, such as: --clock 2026-01-01T00:00:00Z",
    "url": "address of a service that runs already, with its test API; none is started then",
    "grpc": "host and port of that service's gRPC",
}


def _told(config: pytest.Config, name: str) -> str:
    """As an option, else as a variable of the environment, else in the ini file."""
    option = config.getoption(f"customers_{name}")
    variable = os.environ.get(f"CUSTOMERS_{name.upper()}", "")
    return str(option or variable or config.getini(f"customers_{name}"))
