"""The whole state of the memory storage as plain data, and back.

Plain data is what JSON can hold: amounts are texts, moments RFC 3339 in UTC. Nothing stands in it
that follows from the rest, such as indexes, statistics and stored members. What a row may leave
out is what has a default in the model.

Data that somebody has edited passes the gates of the model, and must not contradict itself. What
is not checked is whether there is a story that led to it: versions, the order of moments, who was
blocked when, a refund beyond its order (it may have come first), what a customer was before a
mark, and whether stored members are what a rule says at the moment for which they stand.
"""

from collections.abc import Mapping
from typing import Any

from customers.adapters.memory.snapshots.customers import customer_rows, with_customer_row
from customers.adapters.memory.snapshots.nodes import Findings, Node, Seen
from customers.adapters.memory.snapshots.rows import TENANT
from customers.adapters.memory.snapshots.segments import segment_rows, with_segment_row
from customers.adapters.memory.snapshots.shapes import Row
from customers.adapters.memory.state import State
from customers.core.errors import InvalidValue
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.membership import PendingChange, SequencedChange, depends_on_orders
from customers.core.model.money import Currency
from customers.core.model.values import TextGate


def dumped(states: Mapping[str, State]) -> dict[str, Any]:
    """The tenants' states by their ids, in order; those of whom nothing is kept are left out."""
    told = {tenant_id: _row(state) for tenant_id, state in sorted(states.items())}
    return {tenant_id: row for tenant_id, row in told.items() if row != _NOTHING}


def restored(data: object, currency: Currency, at: JsonPointer) -> dict[str, State]:
    """The states of tenants that were dumped. Raises Invalid with everything that is wrong.

    Pointers begin at `at`, the place of the data in its document.
    """
    findings = Findings()
    root = Node(value=data, place=at, currency=currency, findings=findings)
    states = {tenant_id: _state(tenant_id, node) for tenant_id, node in root.items()}
    findings.settle()
    return states


def _row(state: State) -> Row:
    return TENANT.write(state, customers=customer_rows(state), segments=segment_rows(state))


def _state(tenant_id: str, node: Node) -> State:
    _expect_name(node, tenant_id)
    state = node.read(TENANT) or State()
    seen = Seen(tenant_id=tenant_id)
    for row in node.rows("customers"):
        state = with_customer_row(state, row, seen)
    for row in node.rows("segments"):
        state = with_segment_row(state, row, seen)
    seen.expect_last(node.below("lastPendingChange"), PendingChange, state.last_pending_change)
    seen.expect_last(node.below("lastSequence"), SequencedChange, state.last_sequence)
    _expect_watched(node, state)
    return state


def _expect_name(node: Node, tenant_id: str) -> None:
    try:
        if TextGate(max_length=255, blank=False).read(tenant_id) != tenant_id:
            node.refuse(InvalidValue("INVALID_FORMAT", "must be a tenant's id, trimmed and in NFC"))
    except InvalidValue as refused:
        node.refuse(refused)


def _expect_watched(node: Node, state: State) -> None:
    """Members would stay who they are where changes of customers left no marks."""
    segments = state.segments.values()
    if not state.captures_customers and any(each.is_active for each in segments):
        node.below("capturesCustomers").contradict(*_UNWATCHED)
    if not state.captures_orders and any(map(depends_on_orders, segments)):
        node.below("capturesOrders").contradict(*_UNWATCHED)


_NOTHING = _row(State())
_UNWATCHED = ("INVALID_VALUE", "must be true: there is a segment that depends on it")
