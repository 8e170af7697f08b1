"""Faults and recorded calls as JSON."""

from typing import cast

from attrs import asdict

from customers.entrypoints.json.decode import camel
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.call_log import RecordedCall
from customers.entrypoints.testapi.faults import Fault


def encode_fault(fault: Fault) -> shapes.Fault:
    match = {"operation": fault.operation, "tenantId": fault.tenant_id}
    effects = {
        camel(name): value
        for name, value in asdict(fault.details).items()
        if value is not None and name not in ("match", "times")
    }
    body = {
        "id": fault.id,
        "match": {key: value for key, value in match.items() if value},
        "times": fault.details.times,
        "hits": fault.hits,
        **effects,
    }
    return cast("shapes.Fault", body)


def encode_recorded_call(recorded: RecordedCall) -> shapes.RecordedCall:
    call, outcome = recorded.call, recorded.outcome
    return {
        "number": recorded.number,
        "at": recorded.recorded_at,
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
