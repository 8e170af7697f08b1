"""Schemathesis tests the service against the OpenAPI document, by all checks but those below.

The document is narrowed, since a schema cannot express which tenant and ids exist: to one tenant,
and to existing ids for half of the calls of each operation.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from customers.entrypoints.openapi.document import as_json
from customers.entrypoints.openapi.examples import CUSTOMER_ID, EXAMPLES
from tests.support.api_client import Api
from tests.support.api_steps import (
    BIG_SPENDERS,
    a_communication,
    a_customer,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    customer_path,
)
from tests.support.builders import USD
from tests.support.memory_service import memory_service
from tests.support.schema_check import Document, the_document

# The tests take a minute on an idle machine.
pytestmark = pytest.mark.timeout(600)

EXAMPLES_OF_OPERATION: Final = settings().max_examples // 16
# The shopper of the calls to routes of shoppers.
SHOPPER: Final = "01890a5d-ac96-774b-bcce-b302099a8077"
CONFIGURATION: Final = """
[checks.ignored_auth]
# Callers are not authenticated here: every operation is called without a credential elsewhere.
enabled = false

[checks.missing_required_header]
# The document requires none; the shopper is required here, so that the routes of shoppers are met.
enabled = false

[checks.positive_data_acceptance]
# A schema cannot tell what exists, conflicts or is stale.
expected-statuses = ["2xx", 304, 404, 409, 412]

# A schema cannot exclude control characters, malformed cursors and fractions of a cent.
[phases.fuzzing.checks.positive_data_acceptance]
enabled = false
[phases.stateful.checks.positive_data_acceptance]
enabled = false

# Nor can it limit the number of addresses, exclude card numbers or amounts below a cent.
[[operations]]
include-operation-id = ["addAddress", "addOwnAddress", "addPaymentMethod", "refundOrder"]
checks.positive_data_acceptance.enabled = false

# Nor can it tell who is a customer of the tenant, what a rule compares, or when the last mail went.
[[operations]]
include-operation-id = [
    "addMembers", "createSegment", "removeMembers", "sendVerification", "updateSegment",
]
checks.positive_data_acceptance.enabled = false

# Nor can it tell which token was in a mail.
[[operations]]
include-operation-id = "verifyEmail"
checks.positive_data_acceptance.enabled = false

# Each order of a batch is accepted or refused by itself.
[[operations]]
include-operation-id = "recordOrderBatch"
checks.negative_data_rejection.enabled = false

# The document does not describe the values of operators and the spellings of rules.
[[operations]]
include-operation-id = ["previewRules", "previewChange"]
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false
"""
# Each phase runs on one storage: the edges of the schema, which are many, and sequences of calls on
# memory; the examples and random values on PostgreSQL.
ON_MEMORY: Final = "coverage,stateful"
ON_POSTGRESQL: Final = "examples,fuzzing"
# These must agree with another parameter or key.
TWINS: Final = {"limit", "segmentType"}


async def run_schemathesis(storage: Storage, folder: Path, phases: str) -> tuple[int, str]:
    """Runs phases of Schemathesis with the examples' customer and a shopper stored; returns its
    exit code and output.
    """
    async with memory_service(storage, clock=None, ids="sequential") as service:
        await service.set_state("a customer exists", customerId=CUSTOMER_ID)
        await a_customer(service.api, userId=SHOPPER)
        await asyncio.to_thread(_write, folder, await tenant_document(service.api))
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json"),
            *("--url", f"http://127.0.0.1:{service.api.port}"),
            *("--header", f"X-Tenant-ID: {service.tenant}"),
            *("--header", f"X-User-ID: {SHOPPER}", "--phases", phases),
            *(
                "--seed",
                "1",
                "--generation-deterministic",
                "--max-examples",
                str(EXAMPLES_OF_OPERATION),
            ),
            *("--no-color", "--continue-on-failure"),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def _write(folder: Path, document: Document) -> None:
    (folder / "openapi.json").write_text(as_json(document), "utf-8")
    (folder / "schemathesis.toml").write_text(CONFIGURATION, "utf-8")


async def tenant_document(api: Api) -> Document:
    """The OpenAPI document for calls of one tenant, with existing ids as examples."""
    text = as_json(the_document()).replace(EXAMPLES["tenantId"], api.tenant)
    document: Document = json.loads(text)
    del document["paths"]["/api/v1/customers/bulk-upsert"]  # Schemathesis cannot write NDJSON
    parameters, schemas = (document["components"][name] for name in ("parameters", "schemas"))
    parameters["TenantInQuery"]["schema"] = {"enum": [api.tenant]}
    for operation in (
        operation for item in document["paths"].values() for operation in item.values()
    ):
        by_hand = operation["operationId"] in ("addMembers", "removeMembers")
        ids = await existing_ids(api, by_hand=by_hand) if _has_parts(operation) else {}
        own_parameters = [
            parameter for parameter in operation["parameters"] if parameter.get("name") not in TWINS
        ]
        operation["parameters"] = own_parameters
        for parameter in (*own_parameters, *parameters.values()):
            _narrow(parameter, ids)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            keys = schemas[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
            keys["tenantId"] = {"enum": [api.tenant, "", None]}
            keys.pop("segmentType", None)
    return document


async def existing_ids(api: Api, *, by_hand: bool) -> Mapping[str, str]:
    """Creates a customer with one of everything; returns the ids by path parameter."""
    customer = await customer_path(api)
    customer_id = customer.rpartition("/")[2]
    await an_order(api, customer, f"order-{customer_id}", 100)
    created = {
        "addressId": await an_address(api, customer),
        "communicationId": await a_communication(api, customer),
        "methodId": await a_method(api, customer),
        "noteId": await a_note(api, customer),
        "segmentId": await a_segment(api, rules=BIG_SPENDERS, isDynamic=not by_hand),
    }
    ids = {name: str(body["id"]) for name, body in created.items()}
    return {"customerId": customer_id, "orderId": f"order-{customer_id}", **ids}


def _has_parts(operation: Mapping[str, Any]) -> bool:
    return any(parameter.get("in") == "path" for parameter in operation["parameters"])


def _narrow(parameter: dict[str, Any], ids: Mapping[str, str]) -> None:
    match parameter.get("in"):
        case "path" if parameter["name"] in ids:
            parameter["example"] = ids[parameter["name"]]
            parameter["schema"] = {"anyOf": [{"enum": [parameter["example"]]}, parameter["schema"]]}
        case "path" if parameter["name"] == "shopperId":
            parameter["example"] = "me"
            parameter["schema"] = {"enum": ["me", SHOPPER]}  # any other customer is refused
        case "query" if parameter["name"] == "page":
            parameter["schema"] = {"enum": [1]}  # a cursor allows no other
        case "query" if not parameter.get("required"):
            parameter["allowEmptyValue"] = True  # an empty value counts as absent
        case "header" if parameter["name"] == "X-User-ID":
            parameter |= {"required": True, "example": SHOPPER, "schema": {"enum": [SHOPPER]}}
        case "header":
            parameter["schema"] = {"type": "string"}  # malformed headers are ignored


async def test_the_memory_service_conforms_to_its_document(tmp_path: Path) -> None:
    exit_code, output = await run_schemathesis(MemoryStorage(currency=USD), tmp_path, ON_MEMORY)
    assert exit_code == 0, output
    assert "Tested: 75" in output


@pytest.mark.newest_server
@pytest.mark.asyncio(loop_scope="session")
async def test_the_postgresql_service_conforms_to_its_document(
    storage: PostgresStorage, tmp_path: Path
) -> None:
    exit_code, output = await run_schemathesis(storage, tmp_path, ON_POSTGRESQL)
    assert exit_code == 0, output
    assert "Tested: 75" in output
