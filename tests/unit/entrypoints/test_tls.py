"""TLS on both ports: its certificate may be replaced, and callers may have one."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import ClientConnectionError, ClientSession
from attrs import frozen

from customers.entrypoints.config.access_values import RolesFile
from customers.entrypoints.config.settings import Settings, SettingsError
from customers.entrypoints.container import Container
from customers.entrypoints.container.access import certificate_of
from customers.entrypoints.grpc.generated.customers_pb2_grpc import CustomersServiceStub
from customers.entrypoints.http.server import HttpServer
from customers.entrypoints.observability.logs import configure
from customers.entrypoints.process.health_check import readiness_problem
from customers.entrypoints.tls.validity import CannotServeTls
from tests.support.access import behind_gateway
from tests.support.certificates import Authority, Pair
from tests.support.grpc_service import an_order, failure, reason

SOME_ID = "0190a6b0-0000-7000-8000-000000000001"
ROLES = """
subjects:
  orders.example.test: {roles: [orders-service], tenants: [shop]}
"""


@pytest.fixture
def log() -> StringIO:
    stream = StringIO()
    configure("info", as_json=True, stream=stream)
    return stream


@frozen(kw_only=True)
class Served:
    authority: Authority
    pair: Pair
    http_port: int
    rpc_port: int

    def context(self, client: Pair | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context

    async def get(self, path: str, client: Pair | None = None) -> tuple[int, Any]:
        url = f"https://localhost:{self.http_port}{path}"
        async with (
            ClientSession() as session,
            session.get(url, ssl=self.context(client), headers={"X-Tenant-ID": "shop"}) as response,
        ):
            return response.status, await response.json()

    async def serial_number(self) -> str:
        """The serial number of the certificate that a new connection gets."""
        _, writer = await asyncio.open_connection("localhost", self.http_port, ssl=self.context())
        certificate = writer.get_extra_info("peercert")
        writer.close()
        return str(certificate["serialNumber"])

    @asynccontextmanager
    async def stub(self, client: Pair | None = None) -> AsyncIterator[CustomersServiceStub]:
        credentials = grpc.ssl_channel_credentials(
            self.authority.path.read_bytes(),
            None if client is None else client.key.read_bytes(),
            None if client is None else client.certificate.read_bytes(),
        )
        address = f"localhost:{self.rpc_port}"
        async with grpc.aio.secure_channel(address, credentials) as channel:
            yield CustomersServiceStub(channel)


@asynccontextmanager
async def serving(tmp_path: Path, **settings: Any) -> AsyncIterator[Served]:
    authority = Authority.new(tmp_path / "ours")
    pair = authority.sign("localhost")
    container = Container(
        settings=Settings(
            storage="memory",
            data_dir=tmp_path,
            tls_cert=pair.certificate,
            tls_key=pair.key,
            **settings,
        ),
        dsn="",
    )
    certificate = container.certificate()
    http = HttpServer(container.app(), seconds_to_end=1.0, certificate=certificate)
    rpc = container.rpc()
    http_port, rpc_port = await http.start("127.0.0.1", 0), await rpc.start("127.0.0.1:0")
    try:
        yield Served(authority=authority, pair=pair, http_port=http_port, rpc_port=rpc_port)
    finally:
        await http.end()
        await rpc.stop(0)


async def test_both_ports_are_encrypted(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await served.get("/live"))[0] == 200
        async with served.stub() as stub:
            code, _ = await failure(stub.RecordOrder(an_order(SOME_ID)))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_a_refused_body_is_answered_and_its_connection_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["POST /api/v1/customers HTTP/1.1", "Host: x", "Content-Length: 100000000", "", ""]
    async with serving(tmp_path) as served:
        reader, writer = await asyncio.open_connection(
            "localhost", served.http_port, ssl=served.context()
        )
        writer.write("\r\n".join(lines).encode() + b" " * 100_000)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"}")
    assert not caplog.records


async def test_a_replaced_certificate_is_used_for_new_connections(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        before = await served.serial_number()
        served.pair.certificate.write_text("half of a certificate")
        assert await served.serial_number() == before
        served.pair.write(served.authority.sign("localhost", days=2))
        assert await served.serial_number() != before
        async with served.stub() as stub:
            code, _ = await failure(stub.RecordOrder(an_order(SOME_ID)))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_the_name_in_a_certificate_is_the_subject_of_a_service(tmp_path: Path) -> None:
    callers = Authority.new(tmp_path / "callers")
    known, unknown = callers.sign("orders.example.test"), callers.sign("other.example.test")
    file = tmp_path / "roles.yaml"
    file.write_text(ROLES)
    settings = behind_gateway(
        tls_client_ca=callers.path, roles_file=RolesFile.parse(str(file)), gateway_peers=None
    )
    async with serving(tmp_path, **settings) as served:
        assert (await served.get("/api/v1/customers", known))[0] == 200
        assert (await served.get("/api/v1/customers/segments", known))[0] == 403
        assert (await served.get("/api/v1/customers", unknown))[0] == 401
        assert (await served.get("/api/v1/customers"))[0] == 401
        assert (await served.get("/live"))[0] == 200
        async with served.stub(known) as stub:
            code, _ = await failure(stub.RecordOrder(an_order(SOME_ID, tenant_id="shop")))
            assert code is grpc.StatusCode.NOT_FOUND
            _, status = await failure(stub.RecordOrder(an_order(SOME_ID, tenant_id="mall")))
            assert reason(status) == "TENANT_FORBIDDEN"


async def test_a_certificate_of_another_authority_is_refused_in_the_handshake(
    tmp_path: Path,
) -> None:
    callers, strangers = Authority.new(tmp_path / "callers"), Authority.new(tmp_path / "strangers")
    settings = behind_gateway(tls_client_ca=callers.path)
    async with serving(tmp_path, **settings) as served:
        with pytest.raises(ClientConnectionError):
            await served.get("/live", strangers.sign("orders.example.test"))


async def test_a_container_checks_its_own_health_over_tls(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        url = f"https://127.0.0.1:{served.http_port}"
        assert await asyncio.to_thread(readiness_problem, url, is_own=True) is None
        problem = await asyncio.to_thread(readiness_problem, url)
        assert problem is not None
        assert "certificate verify failed" in problem


def settings_of(pair: Pair, **others: Any) -> Settings:
    return Settings(tls_cert=pair.certificate, tls_key=pair.key, **others)


NOT_NOW = pytest.mark.parametrize(
    ("times", "problem"),
    [
        ({"days": -1}, r"expired at 20.*Z: replace it"),
        ({"days": 3, "valid_from": 2}, r"is not valid before 20.*Z: use one that is valid now"),
    ],
    ids=["expired", "not yet valid"],
)


@NOT_NOW
def test_a_certificate_that_is_not_valid_now_stops_the_start(
    tmp_path: Path, times: dict[str, Any], problem: str
) -> None:
    pair = Authority.new(tmp_path).sign("localhost", **times)
    with pytest.raises(CannotServeTls, match=rf"TLS_CERT: the certificate in .* {problem}"):
        certificate_of(settings_of(pair))


@NOT_NOW
async def test_a_certificate_that_is_not_valid_now_does_not_replace_another(
    tmp_path: Path, times: dict[str, Any], problem: str, log: StringIO
) -> None:
    async with serving(tmp_path) as served:
        before = await served.serial_number()
        served.pair.write(served.authority.sign("localhost", **times))
        assert await served.serial_number() == before
    assert re.search(rf"was not replaced.*TLS_CERT: .* {problem}", log.getvalue())


ENCRYPTED = "TLS_KEY: the key in .* is encrypted: store it without a passphrase"


def test_an_encrypted_key_stops_the_start_without_a_question(tmp_path: Path) -> None:
    pair = Authority.new(tmp_path).sign("localhost")
    pair.encrypt("hunter2")
    with pytest.raises(CannotServeTls, match=ENCRYPTED):
        certificate_of(settings_of(pair))


async def test_an_encrypted_key_does_not_replace_another(tmp_path: Path, log: StringIO) -> None:
    async with serving(tmp_path) as served:
        before = await served.serial_number()
        new = served.authority.sign("localhost", days=2)
        new.encrypt("hunter2")
        served.pair.write(new)
        assert await served.serial_number() == before
    assert re.search(rf"was not replaced.*{ENCRYPTED}", log.getvalue())


@NOT_NOW
def test_only_authorities_that_are_not_valid_now_stop_the_start(
    tmp_path: Path, times: dict[str, Any], problem: str, log: StringIO
) -> None:
    good, bad = Authority.new(tmp_path), Authority.new(tmp_path / "bad", **times)
    pair, bundle = good.sign("localhost"), tmp_path / "bundle.pem"
    bundle.write_bytes(bad.path.read_bytes() * 2)
    with pytest.raises(CannotServeTls, match=rf"TLS_CLIENT_CA: certificate 1 of 2 .* {problem}"):
        certificate_of(settings_of(pair, tls_client_ca=bundle))
    bundle.write_bytes(good.path.read_bytes() + bad.path.read_bytes())
    assert certificate_of(settings_of(pair, tls_client_ca=bundle)) is not None
    assert re.search(rf"TLS_CLIENT_CA: certificate 2 of 2 .* {problem}", log.getvalue())


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----"])
def test_malformed_files_stop_the_start(tmp_path: Path, text: str) -> None:
    pair = Authority.new(tmp_path).sign("localhost")
    other = Authority.new(tmp_path / "other").sign("localhost")
    pair.certificate.write_text(text)
    with pytest.raises(CannotServeTls, match=r"TLS_CERT, TLS_KEY: .* correct the files"):
        certificate_of(settings_of(pair))
    mismatch = Pair(certificate=other.certificate, key=pair.key)
    with pytest.raises(CannotServeTls, match=r"TLS_CERT, TLS_KEY: .* correct the files"):
        certificate_of(settings_of(mismatch))


def test_a_malformed_authority_stops_the_start(tmp_path: Path) -> None:
    pair, file = Authority.new(tmp_path).sign("localhost"), tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(CannotServeTls, match="TLS_CLIENT_CA"):
        certificate_of(settings_of(pair, tls_client_ca=file))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["TLS_CERT"], "TLS_KEY: is required beside TLS_CERT."),
        (["TLS_KEY"], "TLS_CERT: is required beside TLS_KEY."),
        (["TLS_CLIENT_CA"], "TLS_CLIENT_CA: requires TLS_CERT and TLS_KEY."),
    ],
)
def test_half_of_the_settings_is_refused(tmp_path: Path, names: list[str], sentence: str) -> None:
    file = tmp_path / "file.pem"
    file.touch()
    with pytest.raises(SettingsError) as raised:
        Settings.load(dict.fromkeys(names, str(file)), {})
    assert raised.value.sentences == (sentence,)
