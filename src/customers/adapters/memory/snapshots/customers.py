"""The rows of customers: one for each, living or not, with all that hangs on them inside.

Statistics, the totals of refunds and who holds a token follow from the rows, and do not stand in
them. How what hangs on a customer is read back is found in `hanging`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve
from immutables import Map

from customers.adapters.memory.snapshots import rows
from customers.adapters.memory.snapshots.hanging import Hanging
from customers.adapters.memory.snapshots.nodes import Node, Seen
from customers.adapters.memory.snapshots.shapes import Row
from customers.adapters.memory.state import NOTHING, State, placed
from customers.core.errors import EmailTaken, InvalidValue
from customers.core.model import address, payment
from customers.core.model.customer import Customer
from customers.core.model.erasure import Erasure
from customers.core.model.membership import PendingChange
from customers.core.model.order import StoredRefund, fold_ledger

T = TypeVar("T")
Refunds = Mapping[str, Sequence[StoredRefund]]

_id: Callable[[Any], Any] = attrgetter("id")
_order_id: Callable[[Any], Any] = attrgetter("order_id")
_refund_id: Callable[[Any], Any] = attrgetter("refund_id")


def customer_rows(state: State) -> list[Row]:
    """Oldest id first."""
    refunds: dict[str, list[StoredRefund]] = defaultdict(list)
    for refund in sorted(state.refunds.values(), key=_refund_id):
        refunds[refund.order_id].append(refund)
    everyone = sorted(chain(state.living.values(), state.gone.values()), key=_id)
    return [_row(state, each, refunds) for each in everyone]


def with_customer_row(state: State, node: Node, seen: Seen) -> State:
    """The state with the customer of a row; without where the row is refused or contradicts."""
    customer = _customer(node, seen)
    hanging = Hanging.read(node, seen, None if customer is None else customer.id)
    erasure = _erasure(node, customer)
    if customer is None:
        return state
    seen.expect_new(node.below("id"), Customer, customer.id)
    if customer.erased_at is not None:
        _expect_nameless(node, customer, hanging)
    if state.known(customer.id) is not None:
        return state
    if customer.is_living and state.is_email_taken(customer):
        node.below("email").contradict(EmailTaken.code, EmailTaken.message)
        return state
    statistics = fold_ledger((entry for _, entry in hanging.orders), node.currency)
    kept = _with(state, evolve(customer, statistics=statistics), hanging)
    return evolve(kept, erasures=placed(kept.erasures, customer.id, erasure))


def _row(state: State, customer: Customer, refunds: Refunds) -> Row:
    id = customer.id
    hanging = {
        "orders": [
            rows.ORDER.write(
                each, refunds=list(map(rows.REFUND.write, refunds.get(each.order_id, ())))
            )
            for each in _sorted(state.ledger, id, by=_order_id)
        ],
        "pendingChanges": [_mark_row(each) for each in state.pending_changes.get(id, ())],
    }
    if customer.erased_at is not None:
        receipt = state.erasures.get(id)
        erasure = None if receipt is None else rows.ERASURE.write(rows.ErasureRow.of(receipt))
        return rows.ERASED.write(customer, **hanging, erasure=erasure)
    return rows.CUSTOMER.write(
        customer,
        addresses=[rows.ADDRESS.write(each) for each in state.addresses.get(id, ())],
        paymentMethods=[rows.METHOD.write(each) for each in state.methods.get(id, ())],
        journalNotes=[rows.NOTE.write(each) for each in _sorted(state.notes, id)],
        communications=[
            rows.COMMUNICATION.write(each) for each in _sorted(state.communications, id)
        ],
        **hanging,
    )


def _sorted(
    kept: Map[UUID, Map[Any, T]], customer_id: UUID, by: Callable[[Any], Any] = _id
) -> list[T]:
    return sorted(kept.get(customer_id, NOTHING).values(), key=by)


def _mark_row(pending_change: PendingChange) -> Row:
    if pending_change.before is None:
        return rows.MARK.write(pending_change, before=None)
    statistics = rows.STATISTICS.write(pending_change.before.statistics)
    return rows.MARK.write(
        pending_change, before=rows.BEFORE.write(pending_change.before, statistics=statistics)
    )


def _customer(node: Node, seen: Seen) -> Customer | None:
    """The customer without statistics. One that says when it was erased says no more of a name."""
    if isinstance(node.below("erasedAt").value, str):
        nameless = {"email": "", "first_name": "", "last_name": ""}
        return node.read(rows.ERASED, tenant_id=seen.tenant_id, **nameless)
    return node.read(rows.CUSTOMER, tenant_id=seen.tenant_id)


def _erasure(node: Node, customer: Customer | None) -> Erasure | None:
    if (row := node.row("erasure")) is None:
        return None
    receipt = row.read(rows.ERASURE)
    if receipt is None or customer is None or customer.erased_at is None:
        return None
    return Erasure.of(customer.id, customer.erased_at, receipt.counts)


def _expect_nameless(node: Node, customer: Customer, hanging: Hanging) -> None:
    if customer.is_living:
        node.below("deletedAt").refuse(
            InvalidValue("REQUIRED", "is required of an erased customer")
        )
    for at, entry in hanging.orders:
        if entry.order_number:
            at.below("orderNumber").contradict("INVALID_VALUE", "must be empty: it was erased")


def _with(state: State, customer: Customer, hanging: Hanging) -> State:
    """The state with a new customer and all that hangs on them."""
    for _, entry in hanging.orders:
        state = state.with_entry(entry)
    id = customer.id
    tokens = hanging.held(state.tokens if customer.is_living else NOTHING)
    addresses = sorted((each for _, each in hanging.addresses), key=address.sort_key)
    methods = sorted((each for _, each in hanging.methods), key=payment.sort_key)
    notes = Map((each.id, each) for _, each in hanging.notes)
    communications = Map((each.id, each) for _, each in hanging.communications)
    refunds = (((each.order_id, each.refund_id), each) for each in hanging.refunds)
    return evolve(
        state.with_customer(customer),
        addresses=placed(state.addresses, id, tuple(addresses) or None),
        methods=placed(state.methods, id, tuple(methods) or None),
        tokens=tokens if customer.is_living else state.tokens,
        notes=placed(state.notes, id, notes or None),
        communications=placed(state.communications, id, communications or None),
        refunds=state.refunds.update(refunds),
        pending_changes=placed(state.pending_changes, id, tuple(hanging.pending_changes) or None),
    )
