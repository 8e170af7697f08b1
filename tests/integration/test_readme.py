"""The examples of the README and of the founding document work as they are written."""

import json
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from customers.entrypoints.config.settings import catalogue
from tests.support import orders_service
from tests.support.service_process import MEMORY, Service, start_service

README = Path(__file__).parents[2] / "README.md"
LISTENS_AT = "http://127.0.0.1:8089"
BASH = ["bash", "-euo", "pipefail", "-c"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with start_service(tmp_path, *MEMORY) as service:
        yield service


def test_every_example_of_the_readme_succeeds(service: Service) -> None:
    chapter = README.read_text().partition("## The API by example")[2].partition("### gRPC")[0]
    examples = re.findall(r"```bash\n(.*?)```", chapter, re.DOTALL)
    assert len(examples) >= 6
    script = "".join(examples).replace("curl -s ", "curl -sS --fail-with-body ")
    done = _bash(script, service)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_stands_in_the_readme() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", README.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(filter(None, (each.variable for each in catalogue())))


def test_the_orders_service_is_served_and_its_order_counted_once(service: Service) -> None:
    assert orders_service.main(service.http) == 0


def test_the_examples_of_the_founding_document_work_verbatim(service: Service) -> None:
    customer_id = _told(service, FOUNDING["create"])["id"]
    told = {
        name: _told(
            service, example.replace(":id", customer_id).replace("{tenantId}", "tenant-123")
        )
        for name, example in FOUNDING.items()
    }
    assert told["list"]["total"] == told["list"]["page"] == told["list"]["totalPages"] == 1
    assert told["update"]["firstName"] == "Jane"
    assert told["address"]["data"]["city"] == "San Francisco"
    assert told["addresses"]["count"] == 1
    assert told["note"] == told["notes"][0]
    assert told["communications"] == []
    assert told["segment"]["customerCount"] == 0
    assert told["delete"]["message"] == "customer deleted successfully"


def _told(service: Service, example: str) -> Any:
    done = _bash(f"curl -sS --fail-with-body {example}", service)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout, parse_float=Decimal)


def _bash(script: str, service: Service) -> "subprocess.CompletedProcess[str]":
    ours = script.replace(LISTENS_AT, service.http)
    return subprocess.run([*BASH, ours], check=False, capture_output=True, text=True, timeout=60)


_API = f"{LISTENS_AT}/api/v1/customers"
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
