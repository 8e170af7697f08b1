"""The header `Expect`: who is nobody is neither asked for a body nor told what is expected."""

import asyncio
import json
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from customers.entrypoints.config.access_values import Networks
from customers.entrypoints.http.body import CallerLeft
from customers.entrypoints.http.expectation import answer_expectation
from tests.support.access import behind_gateway, claims
from tests.support.memory_service import MemoryService, memory_service
from tests.support.patience import PATIENCE_SECONDS

SOME_ID = "0190a6b0-0000-7000-8000-000000000001"
CUSTOMERS = "/api/v1/customers"
PLACES = [
    ("POST", CUSTOMERS),
    ("GET", CUSTOMERS),
    ("PUT", f"{CUSTOMERS}/{SOME_ID}"),
    ("POST", "/api/v1/nothing"),
    ("PATCH", CUSTOMERS),
]


async def statuses(
    service: MemoryService,
    method: str,
    path: str,
    expected: str,
    *permissions: str,
    version: str = "1.1",
) -> tuple[list[int], str]:
    """The statuses that come in answer to a head with a short body, whose body is sent when it is
    asked for; and the code of the error.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", service.api.port)
    sent = claims(*permissions, tenant="shop")
    lines = [f"{method} {path} HTTP/{version}", "Host: x", f"Expect: {expected}"]
    lines += [f"{name}: {value}" for name, value in sent.items() if value]
    lines += ["Content-Type: application/json", "Content-Length: 2", "", ""]
    writer.write("\r\n".join(lines).encode())
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not found or found[-1] == 100:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            found.append(int(head[9:12]))
            writer.write(b"{}" if found == [100] else b"")
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
    writer.close()
    return found, body.get("code", "")


@pytest.mark.parametrize("expected", ["100-continue", "cake"])
@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_who_is_nobody_gets_401_alone(
    stranger: MemoryService, method: str, path: str, expected: str
) -> None:
    answer = await statuses(stranger, method, path, expected)
    assert answer == ([401], "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/"])
async def test_closed_documents_need_a_caller_first(path: str) -> None:
    settings = behind_gateway(gateway_peers=Networks.parse("10.0.0.0/8"))
    async with memory_service(**settings, public_docs="off") as service:
        for expected in ("100-continue", "cake"):
            assert (await statuses(service, "GET", path, expected))[0] == [401]


@pytest.mark.parametrize("expected", ["100-continue", "cake"])
async def test_the_permission_comes_before_the_expectation(
    service: MemoryService, expected: str
) -> None:
    answer = await statuses(service, "POST", CUSTOMERS, expected, "orders:view")
    assert answer == ([403], "PERMISSION_DENIED")


async def test_who_is_admitted_is_asked_for_the_body(service: MemoryService) -> None:
    answer = await statuses(service, "POST", CUSTOMERS, "100-Continue", "*")
    assert answer == ([100, 400], "VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", CUSTOMERS), ("GET", CUSTOMERS), ("GET", "/"), ("GET", "/live")]
)
async def test_another_expectation_is_417_for_who_is_admitted(
    service: MemoryService, method: str, path: str
) -> None:
    answer = await statuses(service, method, path, "cake", "*")
    assert answer == ([417], "EXPECTATION_FAILED")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", CUSTOMERS, 200), ("POST", "/api/v1/nothing", 404), ("PATCH", CUSTOMERS, 405)],
)
async def test_no_body_is_asked_for_that_nobody_reads(
    service: MemoryService, method: str, path: str, status: int
) -> None:
    assert (await statuses(service, method, path, "100-continue", "*"))[0] == [status]


async def test_http_before_1_1_has_no_expectations(service: MemoryService) -> None:
    assert (await statuses(service, "GET", CUSTOMERS, "cake", "*", version="1.0"))[0] == [200]


async def test_a_caller_who_has_left_is_no_failure() -> None:
    writer = Mock(write=AsyncMock(side_effect=ConnectionResetError))
    headers = {"Expect": "100-continue", "Content-Length": "2"}
    payload = Mock(at_eof=Mock(return_value=False))
    request = make_mocked_request("POST", "/", headers, writer=writer, payload=payload)
    with pytest.raises(CallerLeft):
        await answer_expectation(request, 100)
