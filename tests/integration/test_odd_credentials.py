"""Credentials in forms that no caller should send are refused; none makes the service fail."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from attrs import frozen

from tests.support.attempts import SIGNER, TENANT, a_token
from tests.support.forked_program import start_service
from tests.support.grpc_service import an_order
from tests.support.patience import until
from tests.support.raw_rpc import Field, call
from tests.support.service_process import MEMORY, Service
from tests.support.tokens import AUDIENCE, jwks_file

PATH = "/api/v1/customers"
METHOD = "/customers.v1.CustomersService/RecordOrder"
CODE = re.compile(r"\] call .*\bcode=(\w+)")


@frozen
class Place:
    service: Service
    key: str
    token: str

    async def over_http(self, *lines: bytes, query: str = "") -> int:
        """The status of a request with these lines of headers."""
        url = urlsplit(self.service.http)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        first = f"GET {PATH}{query} HTTP/1.1".encode()
        writer.write(b"\r\n".join((first, b"Host: x", b"Connection: close", *lines, b"", b"")))
        try:
            return int((await reader.read(64)).split()[1])
        finally:
            writer.close()

    async def over_grpc(self, *metadata: Field) -> str:
        """The code that is logged of a call."""
        request_id = uuid4().hex
        request = an_order(str(uuid4()), tenant_id=TENANT).SerializeToString()
        await call(self.service.grpc, METHOD, [*metadata, _request_id(request_id)], request)
        # It may be logged after it is answered.
        await until(lambda: bool(self._codes(request_id)))
        [code] = self._codes(request_id)
        return code

    def _codes(self, request_id: str) -> list[str]:
        lines = (line for line in self.service.output.splitlines() if request_id in line)
        return [code for line in lines for code in CODE.findall(line)]


def _request_id(value: str) -> Field:
    return (b"x-request-id", value.encode())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    environ = {
        "AUTH": "jwt",
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS_FILE": str(jwks_file(tmp_path, SIGNER)),
        "LOG_LEVEL": "debug",
    }
    with start_service(tmp_path, *MEMORY, "--test-api", environ=environ) as service:
        body = {"tenantId": TENANT, "name": "key", "permissions": ["*"]}
        async with (
            ClientSession() as session,
            session.post(f"{service.http}/__test/keys", json=body) as answer,
        ):
            key = (await answer.json())["key"]
        yield Place(service, key, a_token())


def odd_values(good: bytes) -> dict[str, Sequence[bytes]]:
    """The values of the `Authorization` headers of a call, by what is odd in them."""
    return {
        "two in one": [b"Bearer " + good + b" " + good],
        "two after a comma": [b"Bearer " + good + b", Bearer " + good],
        "twice": [b"Bearer " + good, b"Bearer " + good],
        "twice, one empty": [b"", b"Bearer " + good],
        "twice, one of another scheme": [b"Basic eA==", b"Bearer " + good],
        "tab after the scheme": [b"Bearer\t" + good],
        "tab inside": [b"Bearer " + good[:20] + b"\t" + good[20:]],
        "NUL after": [b"Bearer " + good + b"\0"],
        "NUL inside": [b"Bearer " + good[:20] + b"\0" + good[20:]],
        "NUL before": [b"\0Bearer " + good],
        "no UTF-8 after": [b"Bearer " + good + b"\xff\xfe"],
        "an umlaut": [b"Bearer " + good + "ä".encode()],
        "a line feed": [b"Bearer " + good[:20] + b"\n" + good[20:]],
        "100 KB": [b"Bearer " + good + b"A" * 100_000],
        "20 KB": [b"Bearer " + good + b"A" * 20_000],
        "20 KB of dots": [b"Bearer " + b"." * 20_000],
        "no space": [b"Bearer" + good],
        "scheme alone": [b"Bearer"],
        "scheme and spaces": [b"Bearer    "],
    }


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_odd_credentials_over_rest_are_refused(place: Place, kind: str) -> None:
    good = str(getattr(place, kind)).encode()
    statuses = {}
    for name, values in odd_values(good).items():
        lines = [b"Authorization: " + value for value in values]
        statuses[name] = await place.over_http(*lines)
    refused = {401, 400, 431}
    assert {name: status for name, status in statuses.items() if status not in refused} == {}
    assert {statuses[name] for name in ("two in one", "twice", "no UTF-8 after")} <= {400, 401}


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_the_scheme_is_written_in_any_case_and_spaces_around_do_no_harm(
    place: Place, kind: str
) -> None:
    good = str(getattr(place, kind)).encode()
    for value in (b"bearer " + good, b"BEARER " + good, b"Bearer   " + good, b"\tBearer " + good):
        assert await place.over_http(b"Authorization: " + value + b" \t") == 200, value[:8]
    for value in (b"bearer " + good, b"BEARER " + good):
        assert await place.over_grpc((b"authorization", value)) == "NOT_FOUND"


async def test_a_token_of_many_roles_is_accepted_on_both_ports(place: Place) -> None:
    token = a_token(roles=[f"role-{number:04}" for number in range(900)]).encode()
    assert 15_000 < len(token) < 16_300
    assert await place.over_http(b"Authorization: Bearer " + token) == 200
    for _ in range(8):  # no call is refused by chance
        assert await place.over_grpc((b"authorization", b"Bearer " + token)) == "NOT_FOUND"


async def test_a_longer_token_is_refused_on_both_ports(
    place: Place,
) -> None:
    value = b"Bearer " + a_token(text="a" * 16_000).encode()
    assert await place.over_http(b"Authorization: " + value) == 431
    assert await place.over_grpc((b"authorization", value)) == "UNAUTHENTICATED"


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_odd_credentials_over_grpc_are_refused(place: Place, kind: str) -> None:
    good = str(getattr(place, kind)).encode()
    codes = {}
    for name, values in odd_values(good).items():
        metadata = [(b"authorization", value) for value in values]
        codes[name] = await place.over_grpc(*metadata)
    assert {name: code for name, code in codes.items() if code != "UNAUTHENTICATED"} == {}
    for text in (good[-30:].decode(), good[:40].decode()):
        assert text not in place.service.output + place.service.errors


@pytest.mark.parametrize("kind", ["token", "key"])
async def test_a_credential_in_the_address_is_none(place: Place, kind: str) -> None:
    good = str(getattr(place, kind))
    for name in ("access_token", "token", "key", "api_key", "authorization", "Authorization"):
        for value in (good, f"Bearer%20{good}"):
            assert await place.over_http(query=f"?{name}={value}") == 401
    assert await place.over_http(query=f"?{good}") == 401
    assert good not in place.service.output + place.service.errors
