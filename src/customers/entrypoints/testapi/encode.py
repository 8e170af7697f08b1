"""Faults, recorded calls and mails as JSON."""

from typing import Any, cast

from attrs import asdict

from customers.core.model.verification import VerificationMail
from customers.entrypoints.json.decode import camel
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.call_log import RecordedCall
from customers.entrypoints.testapi.faults import Fault, FaultDetails


def encode_fault(fault: Fault) -> shapes.Fault:
    match = {"operation": fault.operation, "tenantId": fault.tenant_id}
    body = {
        "id": fault.id,
        "match": {key: value for key, value in match.items() if value},
        "times": fault.details.times,
        "hits": fault.hits,
        **_effects(fault.details),
    }
    return cast("shapes.Fault", body)


def _effects(details: FaultDetails) -> dict[str, Any]:
    values = asdict(details)
    names = [name for name in values if name not in ("match", "times")]
    return {camel(name): values[name] for name in names if values[name] is not None}


def encode_mail(mail: VerificationMail) -> shapes.Mail:
    return {
        "tenantId": mail.tenant_id,
        "customerId": mail.customer_id,
        "recipient": mail.recipient,
        "subject": mail.subject,
        "link": mail.link,
        "token": mail.token,
        "sentAt": mail.sent_at,
    }


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
