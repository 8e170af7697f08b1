"""The test API refuses calls that a web page of another site may have made."""

import pytest

from tests.support.memory_service import MemoryService, memory_service

LOCAL = [
    *("localhost", "LOCALHOST:8089", "localhost.:80", "shop.localhost:8089", "127.0.0.1:8089"),
    *("127.9.9.9", "[::1]:8089", "[::1]", "[::ffff:127.0.0.1]:1"),
]
FOREIGN = [
    *("evil.example", "evil.example:8089", "localhost.evil.example", "evil-localhost", "evil"),
    *("192.0.2.7:8089", "[2001:db8::1]:8089", "127.0.0.1.evil.example", "localhost@evil.example"),
    *("evil.example/localhost", "0x7f.1.evil", "localhost:x", "::1", "[localhost]", "a b"),
]


async def snapshot(service: MemoryService, **headers: str) -> tuple[int, str]:
    """Status and code of a call of the test API with these headers."""
    sent: dict[str, str | None] = {"X-Tenant-ID": None, **headers}
    answer = await service.api.send("GET", "/snapshot", headers=sent, base="/__test")
    return answer.status, "" if answer.status == 200 else answer.code


@pytest.mark.parametrize("host", LOCAL)
async def test_names_of_this_machine_are_served(service: MemoryService, host: str) -> None:
    assert await snapshot(service, Host=host) == (200, "")
    assert await snapshot(service, Origin=f"http://{host}") == (200, "")
    assert await snapshot(service, Origin=f"https://{host}") == (200, "")


@pytest.mark.parametrize("host", FOREIGN)
async def test_other_names_are_refused(service: MemoryService, host: str) -> None:
    assert await snapshot(service, Host=host) == (403, "FOREIGN_HOST")
    assert await snapshot(service, Origin=f"http://{host}") == (403, "FOREIGN_HOST")


@pytest.mark.parametrize("origin", ["null", "", "file://", "http://"])
async def test_an_origin_without_a_host_is_refused(service: MemoryService, origin: str) -> None:
    assert await snapshot(service, Origin=origin) == (403, "FOREIGN_HOST")


async def test_a_refused_call_changes_nothing_and_says_what_to_do(service: MemoryService) -> None:
    await service.set_state("a customer exists")
    sent = {"X-Tenant-ID": None, "Origin": "http://evil.example"}
    answer = await service.api.send("POST", "/reset", headers=sent, base="/__test")
    assert (answer.status, answer.code) == (403, "FOREIGN_HOST")
    assert "use localhost, or the name that HOST is set to" in answer.body["message"]
    assert (await service.api.get("/customers")).body["total"] == 1


async def test_every_route_of_the_test_api_is_guarded(service: MemoryService) -> None:
    routes = [
        (route.method, route.resource.canonical)
        for route in service.api.app.router.routes()
        if route.resource and route.resource.canonical.startswith("/__test")
    ]
    assert len(routes) > 10
    for method, path in routes:
        answer = await service.api.send(method, path, headers={"Host": "evil.example"}, base="")
        assert answer.status == 403, (method, path)


async def test_the_host_of_the_settings_is_served() -> None:
    async with memory_service(host="Shop.internal") as service:
        assert await snapshot(service, Host="shop.internal:8089") == (200, "")
        assert await snapshot(service, Host="other.internal:8089") == (403, "FOREIGN_HOST")


async def test_the_service_itself_does_not_look_at_the_host(service: MemoryService) -> None:
    answer = await service.api.get("/customers", headers={"Host": "shop.example"})
    assert answer.status == 200
