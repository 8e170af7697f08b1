"""What the test API knows, as JSON."""

from typing import cast

from attrs import asdict

from customers.entrypoints.json.decode import camel
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.call_log import Entry
from customers.entrypoints.testapi.faults import Fault


def show_fault(fault: Fault) -> shapes.Fault:
    told = asdict(fault.details, filter=lambda each, value: value is not None)
    shown = {camel(name): value for name, value in told.items() if name not in ("match", "times")}
    match = {"operation": fault.operation, "tenantId": fault.tenant_id}
    body = {
        "id": fault.id,
        "match": {key: value for key, value in match.items() if value},
        "times": fault.details.times,
        "hits": fault.hits,
        **shown,
    }
    return cast("shapes.Fault", body)


def show_request(entry: Entry) -> shapes.Request:
    call, outcome = entry.call, entry.outcome
    return {
        "number": entry.number,
        "at": entry.at,
        "transport": call.transport,
        "operation": call.operation,
        "tenantId": next(iter(call.tenants)) if len(call.tenants) == 1 else None,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "requestId": call.request_id,
        "body": call.body,
        "status": outcome.status,
        "answer": outcome.answer,
        "fault": outcome.fault,
        "lost": outcome.is_lost,
    }
