"""Probes and metrics over HTTP."""

import pytest

from tests.contract.api.tenants import calls
from tests.support.api_client import BASE, NOTHING, Api
from tests.support.api_steps import a_customer, a_note, an_unknown_id, new_customer

UNKNOWN_ID = "0190b2f0-0000-7000-8000-00000000dead"
IDS = "customerId shopperId addressId methodId noteId communicationId segmentId keyId".split()
LISTS = [
    "/customers",
    "/customers?cursor=",
    "/customers/segments",
    f"/customers/batch?ids={UNKNOWN_ID}",
]
NO_TENANT: dict[str, str | None] = {"X-Tenant-ID": None}


class ProbeContract:
    @pytest.mark.parametrize(
        ("path", "status"), [("/health", "healthy"), ("/ready", "ready"), ("/live", None)]
    )
    async def test_probes_of_a_serving_process_succeed(
        self, api: Api, path: str, status: str | None
    ) -> None:
        answer = await api.send("GET", path, base="", headers=NO_TENANT)
        assert answer.status == 200
        assert status in (None, answer.body["status"])

    async def test_health_names_the_service(self, api: Api) -> None:
        answer = await api.send("GET", "/health", base="")
        assert answer.body["service"] == "customers-service"

    async def test_metrics_have_the_format_of_prometheus(self, api: Api) -> None:
        answer = await api.send("GET", "/metrics", base="", headers=NO_TENANT)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(("text/plain", "application/openmetrics"))

    async def test_metrics_have_routes_but_no_paths_tenants_or_ids(self, api: Api) -> None:
        customer = await a_customer(api, email="ada@example.test")
        await a_note(api, f"/customers/{customer['id']}", "a secret of hers")
        await api.get("/a-path-of-nowhere")
        await api.send("PURGE", "/customers")
        text = (await api.send("GET", "/metrics", base="")).raw.decode()
        assert f"{BASE}/customers/{{customerId}}/notes" in text
        for word in (customer["id"], api.tenant, "ada@", "secret", "a-path-of-nowhere", "PURGE"):
            assert word not in text

    @pytest.mark.parametrize("path", ["/health", "/ready", "/live", "/metrics"])
    async def test_probes_allow_get_only(self, api: Api, path: str) -> None:
        answer = await api.send("POST", path, base="", headers=NO_TENANT)
        assert answer.error == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["Allow"] == "GET, HEAD"


class StorageAwayContract:
    """Answers of a service whose storage is unavailable; `away` calls such a service."""

    async def test_every_route_is_503_with_a_retry_after(self, away: Api) -> None:
        ids = dict.fromkeys(IDS, an_unknown_id()) | {"orderId": "o-1"}
        lists = [("GET", f"{BASE}{path}", NOTHING) for path in LISTS]
        creations = [("POST", f"{BASE}/customers", new_customer())]
        for method, path, body in [*lists, *creations, *calls(away, ids)]:
            # Only the storage could say whether an id is the shopper's own.
            headers = {"X-User-ID": ids["shopperId"]}
            answer = await away.send(method, path, body, headers=headers, base="")
            assert answer.status == 503, (method, path)
            assert int(answer.headers["Retry-After"]) > 0

    async def test_bad_input_is_still_reported(self, away: Api) -> None:
        answer = await away.post("/customers", {"email": 1})
        assert (answer.status, len(answer.details)) == (400, 3)
        assert (await away.get("/customers/x")).status == 400

    async def test_health_and_readiness_fail_and_liveness_succeeds(self, away: Api) -> None:
        health = await away.send("GET", "/health", base="")
        assert (health.status, health.body["status"]) == (503, "unhealthy")
        ready = await away.send("GET", "/ready", base="")
        assert ready.status == 503
        assert ready.body["status"] != "ready"
        assert (await away.send("GET", "/live", base="")).status == 200
        assert (await away.send("GET", "/metrics", base="")).status == 200

    async def test_nothing_about_the_storage_is_revealed_to_callers(self, away: Api) -> None:
        text = (await away.get("/customers")).raw.decode().lower()
        for word in ("postgres", "asyncpg", "127.0.0.1", "errno", "refused", "nobody"):
            assert word not in text
