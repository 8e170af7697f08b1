"""The examples of production: a service with the settings of each, called as its callers do.

What belongs to a deployment is replaced: ports, the database, the addresses of the mesh (here it
is 127.0.0.1, and 127.0.0.2 is somebody else), and where the keys of tokens are.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import grpc
import httpx
import pytest
from attrs import frozen

from customers.adapters.postgres.engine.migrate import migrate
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from tests.support.forked_program import start_command, start_service
from tests.support.grpc_service import an_order, usd
from tests.support.orders_service import OrdersService
from tests.support.patience import PATIENCE_SECONDS
from tests.support.postgres_servers import start_test_server
from tests.support.service_process import Service
from tests.support.service_roles import service_url
from tests.support.tokens import a_signer, jwks_file

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "production"
SIGNER: Final = a_signer()
MESH: Final = "127.0.0.1"
STRANGER: Final = "127.0.0.2"
STAFF: Final = "0190b2f0-0000-7000-8000-0000000000aa"
Headers = Mapping[str, str]


@frozen(kw_only=True)
class Deployment:
    """A service with the settings of an example."""

    service: Service
    settings: Mapping[str, str]

    def call(
        self, method: str, path: str, headers: Headers, body: Any = None, *, peer: str = MESH
    ) -> httpx.Response:
        """The answer to a call from an address of this machine, with these headers."""
        transport = httpx.HTTPTransport(local_address=peer)
        with httpx.Client(transport=transport, timeout=PATIENCE_SECONDS) as client:
            url = self.service.http + path
            return client.request(method, url, headers=dict(headers), json=body)

    def expect(
        self, method: str, path: str, headers: Headers, body: Any = None, *, peer: str = MESH
    ) -> Any:
        """As `call`; the body of the answer, which is no error."""
        answer = self.call(method, path, headers, body, peer=peer)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def refusal(
        self, method: str, path: str, headers: Headers, body: Any = None, *, peer: str = MESH
    ) -> tuple[int, str]:
        """As `call`; the status and the code of the answer, which is an error."""
        answer = self.call(method, path, headers, body, peer=peer)
        error = answer.json()
        inner = error["error"] if isinstance(error["error"], dict) else error
        return answer.status_code, inner["code"]

    def record_by_rpc(self, tenant: str, customer: str, **metadata: str) -> int:
        """Records an order over gRPC; returns how many orders the customer has."""
        with grpc.insecure_channel(self.service.grpc) as channel:
            stub: Any = CustomersServiceStub(channel)  # type: ignore[arg-type]
            order = an_order(customer, "rpc-1", tenant_id=tenant, order_total=usd(5))
            answer = stub.RecordOrder(order, metadata=tuple(metadata.items()))
        return int(answer.statistics.total_orders)

    def token(self, subject: str, **claims: Any) -> dict[str, str]:
        """The header of a caller with a token of the provider."""
        now = int(time.time())
        common = {
            "iss": self.settings["JWT_ISSUER"],
            "aud": self.settings["JWT_AUDIENCE"],
            "sub": subject,
            "iat": now,
            "exp": now + 600,
        }
        return {"Authorization": f"Bearer {SIGNER.token({**common, **claims})}"}


def settings_of(folder: Path) -> dict[str, str]:
    """The settings in the file of an example."""
    lines = (folder / "settings.env").read_text("utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


async def _create(server: str, name: str) -> None:
    with_database = await asyncpg.connect(server)
    await with_database.execute(f"CREATE DATABASE {name}")
    await with_database.close()


def a_database() -> str:
    """The URL of a new database with the newest schema, for a prepared role."""
    server, name = start_test_server(), f"production_{uuid4().hex}"
    url = f"{server.removesuffix('/postgres')}/{name}"
    asyncio.run(_create(server, name))
    asyncio.run(migrate(url))
    return asyncio.run(service_url(url))


@contextmanager
def deployed(example: str, folder: Path) -> Iterator[Deployment]:
    """The service with the files of an example, in a folder of its own."""
    shutil.copytree(EXAMPLES / example, folder, dirs_exist_ok=True)
    settings = settings_of(folder)
    own = {
        "DATABASE_URL": a_database(),
        "HOST": MESH,
        "METRICS_PORT": "0",
        "PORT": "0",
        "RPC_PORT": "0",
    }
    assert own.keys() <= settings.keys()
    if "GATEWAY_PEERS" in settings:
        own["GATEWAY_PEERS"] = f"{MESH}/32"
    own["JWT_JWKS_FILE"] = str(jwks_file(folder, SIGNER))
    environ = {**settings, **own}
    with start_service(folder, environ=environ) as service:
        yield Deployment(service=service, settings=environ)


@pytest.fixture(scope="module")
def behind_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed("gateway", tmp_path_factory.mktemp("gateway")) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def with_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed("identity-provider", tmp_path_factory.mktemp("provider")) as deployment:
        yield deployment


@pytest.fixture
def tenant() -> str:
    return f"shop-{uuid4().hex[:12]}"


def platform(tenant: str) -> dict[str, str]:
    return {"X-Tenant-ID": tenant}


def admin(tenant: str, roles: str) -> dict[str, str]:
    """What the mesh adds to a request of the admin app."""
    return {
        "x-jwt-claim-sub": STAFF,
        "x-jwt-claim-tenant-id": tenant,
        "x-jwt-claim-email": "staff@example.test",
        "x-jwt-claim-roles": roles,
    }


def storefront(tenant: str, shopper: str) -> dict[str, str]:
    return {"X-Internal-Service": "storefront", "X-User-Id": shopper, "X-Tenant-ID": tenant}


def a_buyer(user: str | None = None) -> dict[str, str]:
    buyer = {"email": f"{uuid4().hex}@example.test", "firstName": "Ann", "lastName": "Lee"}
    return buyer if user is None else {**buyer, "userId": user}


def play_admin_app(deployment: Deployment, headers: Headers, customer: str) -> None:
    """Lists, reads, changes and locks a customer, and writes a note."""
    path = f"/api/v1/customers/{customer}"
    listed = deployment.expect("GET", "/api/v1/customers?page=1&limit=20", headers)
    assert [entry["id"] for entry in listed["customers"]] == [customer]
    assert deployment.expect("GET", path, headers)["firstName"] == "Ann"
    assert deployment.expect("PUT", path, headers, {"firstName": "Eve"})["firstName"] == "Eve"
    deployment.expect("POST", f"{path}/lock", headers, {"reason": "two chargebacks"})
    deployment.expect("POST", f"{path}/notes", headers, {"note": "called back"})
    assert "called back" in str(deployment.expect("GET", f"{path}/notes", headers))
    locked = deployment.expect("GET", path, headers)
    assert (locked["status"], locked["lockedBy"]) == ("BLOCKED", STAFF)


def play_mobile_app(deployment: Deployment, headers: Headers, customer: str, peer: str) -> None:
    """Reads what the shopper of the token has, with and without the prefix of the API."""
    for base in ("/api/v1", ""):
        own = deployment.expect("GET", f"{base}/customers/me", headers, peer=peer)
        assert (own["success"], own["data"]["customerId"]) == (True, customer)
        for part, total in (("addresses", 0), ("payment-methods", 0), ("orders", 0)):
            path = f"{base}/customers/me/{part}"
            answer = deployment.expect("GET", path, headers, peer=peer)
            assert (answer["data"], answer["meta"]["total"]) == ([], total)


def test_the_orders_service_works_behind_the_mesh(behind_mesh: Deployment, tenant: str) -> None:
    """The orders service only names its tenant: in X-Tenant-ID, over gRPC in the message."""
    caller = OrdersService(behind_mesh.service.http, tenant)
    first, again = caller.sell("order-1"), caller.sell("order-1")
    assert (first["id"], first["totalOrders"]) == (again["id"], again["totalOrders"])
    assert (again["totalOrders"], again["totalSpent"]) == (1, 33.33)
    assert behind_mesh.record_by_rpc(tenant, again["id"]) == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", ""), ("DELETE", ""), ("POST", "/lock"), ("POST", "/notes"), ("GET", "/orders")],
)
def test_the_platform_may_do_nothing_else(
    behind_mesh: Deployment, tenant: str, method: str, path: str
) -> None:
    customer = behind_mesh.expect("POST", "/api/v1/customers", platform(tenant), a_buyer())["id"]
    path = f"/api/v1/customers/{customer}{path}"
    body = dict[str, str]() if method in ("PUT", "POST") else None
    status, code = behind_mesh.refusal(method, path, platform(tenant), body)
    assert (status, code) == (403, "PERMISSION_DENIED")


def test_the_admin_app_works_behind_the_mesh(behind_mesh: Deployment, tenant: str) -> None:
    customer = behind_mesh.expect("POST", "/api/v1/customers", platform(tenant), a_buyer())["id"]
    support = admin(tenant, "support")
    play_admin_app(behind_mesh, support, customer)
    path = f"/api/v1/customers/{customer}"
    assert behind_mesh.refusal("DELETE", path, support) == (403, "PERMISSION_DENIED")
    unknown = admin(tenant, "gardener")
    assert behind_mesh.refusal("GET", path, unknown) == (403, "PERMISSION_DENIED")
    foreign = {**support, "X-Tenant-ID": "another"}
    assert behind_mesh.refusal("GET", path, foreign) == (403, "TENANT_FORBIDDEN")
    assert behind_mesh.call("DELETE", path, admin(tenant, "store_owner")).status_code < 300


def test_the_storefront_works_behind_the_mesh(behind_mesh: Deployment, tenant: str) -> None:
    shopper, other = str(uuid4()), str(uuid4())
    for user in (shopper, other):
        behind_mesh.expect("POST", "/api/v1/customers", platform(tenant), a_buyer(user))
    headers, path = storefront(tenant, shopper), f"/api/v1/storefront/customers/{shopper}"
    profile = behind_mesh.expect("GET", path, headers)
    assert (profile["id"], profile["firstName"]) == (shopper, "Ann")
    changed = behind_mesh.expect("PATCH", path, headers, {"firstName": "Eve"})
    assert (changed["id"], changed["firstName"]) == (shopper, "Eve")
    address = {"addressLine1": "1 Main St", "city": "Springfield", "country": "US"}
    address |= {"firstName": "Eve", "lastName": "Lee", "state": "IL", "postalCode": "62701"}
    address |= {"countryCode": "US"}
    behind_mesh.expect("POST", f"{path}/addresses", headers, address)
    assert "1 Main St" in str(behind_mesh.expect("GET", f"{path}/addresses", headers))
    theirs = f"/api/v1/storefront/customers/{other}"
    assert behind_mesh.refusal("GET", theirs, headers) == (403, "NOT_YOUR_RESOURCE")
    assert behind_mesh.refusal("GET", "/api/v1/customers", headers) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("peer", [MESH, STRANGER])
def test_the_mobile_app_works_with_its_token(
    behind_mesh: Deployment, tenant: str, peer: str
) -> None:
    """The token proves who calls, whether it comes through the mesh or not."""
    shopper = str(uuid4())
    body = a_buyer(shopper)
    customer = behind_mesh.expect("POST", "/api/v1/customers", platform(tenant), body)["id"]
    token = behind_mesh.token(shopper, tenant_id=tenant)
    play_mobile_app(behind_mesh, token, customer, peer)
    for path in ("/api/v1/customers", f"/api/v1/customers/{customer}"):
        refusal = behind_mesh.refusal("GET", path, token, peer=peer)
        assert refusal == (403, "PERMISSION_DENIED")


def test_a_bad_token_is_not_the_platform(behind_mesh: Deployment, tenant: str) -> None:
    expired = behind_mesh.token("ann", tenant_id=tenant, exp=int(time.time()) - 3600)
    headers = {**platform(tenant), **expired}
    refusal = behind_mesh.refusal("GET", "/api/v1/customers", headers)
    assert refusal == (401, "INVALID_TOKEN")


def test_claims_of_strangers_are_as_if_absent(behind_mesh: Deployment, tenant: str) -> None:
    for headers in (
        platform(tenant),
        admin(tenant, "store_owner"),
        storefront(tenant, str(uuid4())),
        {**platform(tenant), "X-Forwarded-For": MESH},
    ):
        refusal = behind_mesh.refusal("GET", "/api/v1/customers", headers, peer=STRANGER)
        assert refusal == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize("example", ["behind_mesh", "with_provider"])
def test_only_probes_are_open(example: str, request: pytest.FixtureRequest) -> None:
    deployment: Deployment = request.getfixturevalue(example)
    for path in ("/live", "/ready", "/health"):
        assert deployment.call("GET", path, {}, peer=STRANGER).status_code == 200
    for path in ("/metrics", "/docs", "/openapi.json", "/api/v1/customers", "/api/v1/nothing"):
        assert deployment.call("GET", path, {}, peer=STRANGER).status_code == 401
    metrics = httpx.get(f"{deployment.service.metrics}/metrics", trust_env=False)
    assert "customers_" in metrics.raise_for_status().text


def test_the_orders_service_works_with_a_token(with_provider: Deployment, tenant: str) -> None:
    token = with_provider.token("orders-service")
    headers = {**token, **platform(tenant)}
    ids = {
        with_provider.expect("POST", "/api/v1/customers", headers, buyer)["id"]
        for buyer in [a_buyer()] * 2
    }
    [customer] = ids
    sale = {"orderId": "order-1", "orderNumber": "1001", "totalAmount": 33.33}
    path = f"/api/v1/customers/{customer}/record-order"
    recorded = [with_provider.expect("POST", path, headers, sale) for _ in range(2)]
    assert [answer["customer"]["totalOrders"] for answer in recorded] == [1, 1]
    assert with_provider.record_by_rpc(tenant, customer, authorization=token["Authorization"]) == 2
    path = f"/api/v1/customers/{customer}"
    assert with_provider.refusal("DELETE", path, headers) == (403, "PERMISSION_DENIED")


def test_a_call_over_rpc_without_a_token_is_refused(with_provider: Deployment, tenant: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        with_provider.record_by_rpc(tenant, str(uuid4()), **{"x-jwt-claim-sub": "ann"})
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_admin_app_works_with_a_token(with_provider: Deployment, tenant: str) -> None:
    orders = {**with_provider.token("orders-service"), **platform(tenant)}
    customer = with_provider.expect("POST", "/api/v1/customers", orders, a_buyer())["id"]
    roles = {"realm_access": {"roles": ["support", "offline_access"]}}
    support = with_provider.token(STAFF, tenant_id=tenant, **roles)
    play_admin_app(with_provider, support, customer)
    path = f"/api/v1/customers/{customer}"
    assert with_provider.refusal("DELETE", path, support) == (403, "PERMISSION_DENIED")
    elsewhere = with_provider.token(STAFF, tenant_id="another", **roles)
    assert with_provider.refusal("GET", path, {**elsewhere, **platform(tenant)}) == (
        403,
        "TENANT_FORBIDDEN",
    )


def test_the_mobile_app_works_with_the_provider(with_provider: Deployment, tenant: str) -> None:
    orders, shopper = {**with_provider.token("orders-service"), **platform(tenant)}, str(uuid4())
    customer = with_provider.expect("POST", "/api/v1/customers", orders, a_buyer(shopper))["id"]
    token = with_provider.token(shopper, tenant_id=tenant)
    play_mobile_app(with_provider, token, customer, STRANGER)
    refusal = with_provider.refusal("GET", "/api/v1/customers", token)
    assert refusal == (403, "PERMISSION_DENIED")


def test_headers_prove_nothing_to_a_provider(with_provider: Deployment, tenant: str) -> None:
    for headers in (platform(tenant), admin(tenant, "store_owner"), storefront(tenant, "ann")):
        refusal = with_provider.refusal("GET", "/api/v1/customers", headers)
        assert refusal == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize("claim", ["iss", "aud"])
def test_a_token_for_somebody_else_is_refused(
    with_provider: Deployment, tenant: str, claim: str
) -> None:
    other = with_provider.token("ann", tenant_id=tenant, **{claim: "https://other.example.com"})
    refusal = with_provider.refusal("GET", "/api/v1/customers", other)
    assert refusal == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("environ", [{}, {"AUTH": "none"}])
def test_production_does_not_start_open(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"ENVIRONMENT": "production", "DATABASE_URL": "postgres://127.0.0.1:9/customers"}
    with start_command(tmp_path, "serve", environ=environ) as command:
        assert command.exit_code() == 2
    sentence = "AUTH: production requires callers to be authenticated: gateway, jwt or gateway,jwt."
    assert sentence in command.errors + command.output
