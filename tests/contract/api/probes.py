"""Section 11 over HTTP: the probes, and what the metrics name and what they do not."""

import pytest

from tests.api import BASE, Api
from tests.contract.api.steps import a_customer, a_note

NOBODY: dict[str, str | None] = {"X-Tenant-ID": None}


class ProbeContract:
    @pytest.mark.parametrize(
        ("path", "status"), [("/health", "healthy"), ("/ready", "ready"), ("/live", None)]
    )
    async def test_a_serving_process_says_so(self, api: Api, path: str, status: str | None) -> None:
        answer = await api.send("GET", path, base="", headers=NOBODY)
        assert answer.status == 200
        assert status in (None, answer.body["status"])

    async def test_health_names_the_service(self, api: Api) -> None:
        answer = await api.send("GET", "/health", base="")
        assert answer.body["service"] == "customers-service"

    async def test_metrics_are_text_for_prometheus(self, api: Api) -> None:
        answer = await api.send("GET", "/metrics", base="", headers=NOBODY)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(("text/plain", "application/openmetrics"))

    async def test_metrics_name_routes_and_neither_paths_nor_tenants_nor_ids(
        self, api: Api
    ) -> None:
        customer = await a_customer(api, email="ada@example.test")
        await a_note(api, f"/customers/{customer['id']}", "a secret of hers")
        await api.get("/a-path-of-nowhere")
        await api.send("PURGE", "/customers")
        text = (await api.send("GET", "/metrics", base="")).raw.decode()
        assert f"{BASE}/customers/{{customerId}}/notes" in text
        for word in (customer["id"], api.tenant, "ada@", "secret", "a-path-of-nowhere", "PURGE"):
            assert word not in text

    @pytest.mark.parametrize("path", ["/health", "/ready", "/live", "/metrics"])
    async def test_probes_answer_get_alone(self, api: Api, path: str) -> None:
        answer = await api.send("POST", path, base="", headers=NOBODY)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
