"""Schemathesis tries what the OpenAPI document describes, and finds the service to be like that.

All its checks are on. The document that it is given says besides what no schema can say of a call,
and half of an operation's calls are about things that are there, which are its own.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.adapters.postgres.storage import PostgresStorage
from customers.core.ports.storage import Storage
from customers.entrypoints.openapi.document import as_json
from customers.entrypoints.openapi.examples import CUSTOMER_ID, EXAMPLES
from tests.contract.api.steps import (
    BIG_SPENDERS,
    a_communication,
    a_method,
    a_note,
    a_segment,
    an_address,
    an_order,
    customer_path,
)
from tests.support.api_client import Api
from tests.support.builders import USD
from tests.support.memory_service import benched
from tests.support.schema_check import Document, the_document

# Half a minute, on a machine that has nothing else to do.
pytestmark = pytest.mark.timeout(300)

EXAMPLES_EACH: Final = 12
CONFIGURATION: Final = """
[checks.positive_data_acceptance]
# Who is there, what conflicts, and which version is stale is no matter of schemas.
expected-statuses = ["2xx", 304, 404, 409, 412]

# To a schema, control characters, cursors and fractions of a cent are like other texts and numbers.
[phases.fuzzing.checks.positive_data_acceptance]
enabled = false
[phases.stateful.checks.positive_data_acceptance]
enabled = false

# Nor does it know how many addresses there are, what is a card's number, and that less than a cent
# is nothing.
[[operations]]
include-operation-id = ["addAddress", "addPaymentMethod", "refundOrder"]
checks.positive_data_acceptance.enabled = false

# Which value an operator takes, and in how many spellings a rule is understood, is not described.
[[operations]]
include-operation-id = ["previewRules", "previewChange"]
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false
"""
# What must agree with another parameter or key.
TWINS: Final = {"limit", "segmentType"}


async def tried(storage: Storage, folder: Path) -> tuple[int, str]:
    """The exit code of Schemathesis, and what it says. The customer of the examples is there."""
    async with benched(storage, clock=None, ids="sequential") as bench:
        await bench.state("a customer exists", customerId=CUSTOMER_ID)
        await asyncio.to_thread(_write, folder, await narrowed(bench.api))
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json"),
            *("--url", f"http://127.0.0.1:{bench.api.port}"),
            *("--header", f"X-Tenant-ID: {bench.tenant}"),
            *("--seed", "1", "--generation-deterministic", "--max-examples", str(EXAMPLES_EACH)),
            *("--no-color", "--continue-on-failure"),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def _write(folder: Path, document: Document) -> None:
    (folder / "openapi.json").write_text(as_json(document), "utf-8")
    (folder / "schemathesis.toml").write_text(CONFIGURATION, "utf-8")


async def narrowed(api: Api) -> Document:
    """The document for the tenant's calls."""
    text = as_json(the_document()).replace(EXAMPLES["tenantId"], api.tenant)
    document: Document = json.loads(text)
    parameters, schemas = (document["components"][name] for name in ("parameters", "schemas"))
    parameters["TenantInQuery"]["schema"] = {"enum": [api.tenant]}
    for operation in (
        operation_ for item in document["paths"].values() for operation_ in item.values()
    ):
        by_hand = operation["operationId"] in ("addMembers", "removeMembers")
        own = await things(api, by_hand=by_hand) if _has_parts(operation) else {}
        told = [
            parameter for parameter in operation["parameters"] if parameter.get("name") not in TWINS
        ]
        operation["parameters"] = told
        for parameter in (*told, *parameters.values()):
            _narrow(parameter, own)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            keys = schemas[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
            keys["tenantId"] = {"enum": [api.tenant, "", None]}
            keys.pop("segmentType", None)
    return document


async def things(api: Api, *, by_hand: bool) -> Mapping[str, str]:
    """What stands in a path for a new customer, and for one thing of each kind that is theirs."""
    customer = await customer_path(api)
    customer_id = customer.rpartition("/")[2]
    await an_order(api, customer, f"order-{customer_id}", 100)
    made = {
        "addressId": await an_address(api, customer),
        "communicationId": await a_communication(api, customer),
        "methodId": await a_method(api, customer),
        "noteId": await a_note(api, customer),
        "segmentId": await a_segment(api, rules=BIG_SPENDERS, isDynamic=not by_hand),
    }
    told = {name: str(body["id"]) for name, body in made.items()}
    return {"customerId": customer_id, "orderId": f"order-{customer_id}", **told}


def _has_parts(operation: Mapping[str, Any]) -> bool:
    return any(parameter.get("in") == "path" for parameter in operation["parameters"])


def _narrow(parameter: dict[str, Any], own: Mapping[str, str]) -> None:
    match parameter.get("in"):
        case "path" if parameter["name"] in own:
            parameter["example"] = own[parameter["name"]]
            parameter["schema"] = {"anyOf": [{"enum": [parameter["example"]]}, parameter["schema"]]}
        case "query" if not parameter.get("required"):
            parameter["allowEmptyValue"] = True  # it is as if absent
        case "header":
            parameter["schema"] = {"type": "string"}  # what says nothing there is passed over


async def test_memory_is_as_described(tmp_path: Path) -> None:
    code, said = await tried(MemoryStorage(currency=USD), tmp_path)
    assert code == 0, said
    assert "Tested: 47" in said


# One PostgreSQL is enough for what is between a request and the storage.
@pytest.mark.parametrize("url", ["embedded 18"], indirect=True)
@pytest.mark.asyncio(loop_scope="session")
async def test_postgresql_is_as_described(storage: PostgresStorage, tmp_path: Path) -> None:
    code, said = await tried(storage, tmp_path)
    assert code == 0, said
    assert "Tested: 47" in said
