"""The examples of the README, and those with which the API was first specified, work as written."""

import json
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from tests.support import orders_service
from tests.support.forked_program import start_service
from tests.support.service_process import MEMORY, Service

README = Path(__file__).parents[2] / "README.md"
DOCUMENTED_URL = "http://127.0.0.1:8089"
BASH = ["bash", "-euo", "pipefail", "-c"]
needs_curl = pytest.mark.skipif(
    which("bash") is None or which("curl") is None, reason="there is no bash or no curl"
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with start_service(tmp_path, *MEMORY) as service:
        yield service


@needs_curl
def test_every_example_of_the_readme_can_be_pasted_twice(service: Service) -> None:
    examples = _examples()
    assert len(examples) >= 6
    pasted_twice = "".join(2 * example for example in examples)
    for script in (pasted_twice, "".join(examples)):
        result = _bash(script.replace("curl -s ", "curl -sS --fail-with-body "), service)
        assert result.returncode == 0, result.stdout + result.stderr


def test_an_order_that_is_reported_several_times_counts_once(service: Service) -> None:
    assert orders_service.main(service.http) == 0


@needs_curl
def test_the_examples_of_the_founding_document_work_verbatim(service: Service) -> None:
    customer_id = _run(service, FOUNDING["create"])["id"]
    results = {
        name: _run(service, example.replace(":id", customer_id).replace("{tenantId}", "tenant-123"))
        for name, example in FOUNDING.items()
    }
    assert results["list"]["total"] == results["list"]["page"] == results["list"]["totalPages"] == 1
    assert results["update"]["firstName"] == "Jane"
    assert results["address"]["data"]["city"] == "San Francisco"
    assert results["addresses"]["count"] == 1
    assert results["note"] == results["notes"][0]
    assert results["communications"] == []
    assert results["segment"]["customerCount"] == 0
    assert results["delete"]["message"] == "customer deleted successfully"


def _examples() -> list[str]:
    section = README.read_text().partition("## The API by example")[2].partition("### gRPC")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


def _run(service: Service, example: str) -> Any:
    """The JSON of a successful response."""
    result = _bash(f"curl -sS --fail-with-body {example}", service)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout, parse_float=Decimal)


def _bash(script: str, service: Service) -> "subprocess.CompletedProcess[str]":
    local = script.replace(DOCUMENTED_URL, service.http)
    return subprocess.run([*BASH, local], check=False, capture_output=True, text=True)


_API = f"{DOCUMENTED_URL}/api/v1/customers"
_JSON = "-H 'Content-Type: application/json'"
FOUNDING = {
    "create": f"""-X POST {_API} {_JSON} -d '{{
  "tenantId": "tenant-123",
  "email": "customer@example.com",
  "firstName": "John",
  "lastName": "Doe",
  "phone": "+1234567890",
  "customerType": "RETAIL",
  "marketingOptIn": true,
  "tags": ["vip", "early-adopter"]
}}'""",
    "list": f"'{_API}?tenant_id={{tenantId}}&search=customer&status=ACTIVE&page=1&page_size=20'",
    "get": f"'{_API}/:id?tenant_id={{tenantId}}'",
    "update": f"""-X PUT '{_API}/:id?tenant_id={{tenantId}}' {_JSON} -d '{{
  "firstName": "Jane",
  "status": "ACTIVE",
  "tags": ["vip"]
}}'""",
    "address": f"""-X POST {_API}/:id/addresses {_JSON} -d '{{
  "tenantId": "tenant-123",
  "addressType": "SHIPPING",
  "isDefault": true,
  "addressLine1": "123 Main St",
  "city": "San Francisco",
  "state": "CA",
  "postalCode": "94102",
  "country": "US"
}}'""",
    "addresses": f"'{_API}/:id/addresses?tenant_id={{tenantId}}'",
    "note": f"""-X POST {_API}/:id/notes {_JSON} -d '{{
  "tenantId": "tenant-123",
  "note": "Customer requested expedited shipping"
}}'""",
    "notes": f"'{_API}/:id/notes?tenant_id={{tenantId}}'",
    "communications": f"'{_API}/:id/communications?tenant_id={{tenantId}}&limit=50'",
    "segment": f"""-X POST '{_API}/segments?tenant_id={{tenantId}}' {_JSON} -d '{{
  "name": "Big spenders",
  "rules": {{
    "conditions": [
      {{ "field": "total_spent", "operator": "gt", "value": 1000 }},
      {{ "field": "total_orders", "operator": "gte", "value": 5 }}
    ],
    "logic": "AND"
  }}
}}'""",
    "delete": f"-X DELETE '{_API}/:id?tenant_id={{tenantId}}'",
}
