"""What hangs on a customer, read back from inside the customer's row, and what it must not be.

Of several that are wrong each is told. Nothing is put into a state here.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID

from attrs import evolve, frozen
from immutables import Map

from customers.adapters.memory.snapshots import rows
from customers.adapters.memory.snapshots.nodes import Node, Seen
from customers.adapters.memory.snapshots.shapes import Shape
from customers.core.errors import AddressLimitExceeded, InvalidValue, PaymentMethodTaken
from customers.core.model.address import MAX_ADDRESSES, Address
from customers.core.model.cards import card_numbers
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, Note
from customers.core.model.membership import PendingChange
from customers.core.model.money import ZERO
from customers.core.model.order import NO_ORDERS, Entry, StoredRefund
from customers.core.model.payment import PaymentMethod


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


WithId = TypeVar("WithId", bound=Identified)
T = TypeVar("T")
Placed = Sequence[tuple[Node, T]]
Owner = dict[str, Any]
Tokens = Map[tuple[str, str], UUID]

_NOBODY = UUID(int=0)


@frozen(kw_only=True)
class Hanging:
    """All that hangs on a customer; most of it with the place where it stood."""

    addresses: Placed[Address]
    methods: Placed[PaymentMethod]
    notes: Placed[Note]
    communications: Placed[Communication]
    orders: Placed[Entry]
    refunds: Sequence[StoredRefund]
    pending_changes: Sequence[PendingChange]

    @classmethod
    def read(cls, node: Node, seen: Seen, customer_id: UUID | None) -> Self:
        """Also where the customer is refused, None: for what is wrong with what hangs there."""
        owner: Owner = {"customer_id": customer_id or _NOBODY, "tenant_id": seen.tenant_id}
        refunded = list(_orders(node, seen, owner["customer_id"]))
        hanging = cls(
            addresses=_read(node, "addresses", rows.ADDRESS, seen, owner),
            methods=_read(node, "paymentMethods", rows.METHOD, seen, owner),
            notes=_read(node, "journalNotes", rows.NOTE, seen, owner),
            communications=_read(node, "communications", rows.COMMUNICATION, seen, owner),
            orders=[(at, entry) for at, entry, _ in refunded],
            refunds=[refund for _, _, refunds in refunded for refund in refunds],
            pending_changes=_marks(node, seen, owner),
        )
        _expect_book(node, hanging.addresses)
        _expect_wallet(hanging.methods)
        _expect_journal(hanging.communications)
        return hanging

    def held(self, tokens: Tokens) -> Tokens:
        """The tokens, with those of a living customer, which nobody else may hold."""
        for node, method in self.methods:
            token = (method.payment_gateway, method.gateway_payment_method_id)
            if token in tokens:
                at = node.below("gatewayPaymentMethodId")
                at.contradict(PaymentMethodTaken.code, PaymentMethodTaken.message)
            tokens = tokens.set(token, method.id)
        return tokens


def _read(node: Node, key: str, shape: Shape[WithId], seen: Seen, owner: Owner) -> Placed[WithId]:
    """The values of the rows under the key, whose ids no other rows of their kind have."""
    found = []
    for each in node.rows(key):
        if (value := each.read(shape, **owner)) is not None:
            seen.expect_new(each.below("id"), shape.kind, value.id)
            found.append((each, value))
    return found


def _orders(
    node: Node, seen: Seen, customer_id: UUID
) -> Iterator[tuple[Node, Entry, Sequence[StoredRefund]]]:
    for each in node.rows("orders"):
        entry = each.read(rows.ORDER, customer_id=customer_id)
        refunds = list(_refunds(each, "" if entry is None else entry.order_id))
        if entry is None:
            continue
        seen.expect_new(each.below("orderId"), Entry, entry.order_id)
        _expect_told(each, entry)
        total = sum((refund.amount for refund in refunds), ZERO)
        yield each, evolve(entry, refunds_total=total), refunds


def _refunds(node: Node, order_id: str) -> Iterator[StoredRefund]:
    known: set[str] = set()
    for each in node.rows("refunds"):
        refund = each.read(rows.REFUND, order_id=order_id)
        if refund is None:
            continue
        if refund.refund_id in known:
            each.below("refundId").contradict("DUPLICATE", "stands in another row already")
        known.add(refund.refund_id)
        yield refund


def _expect_told(node: Node, entry: Entry) -> None:
    """A stub has no more than its refunds and its cancellation, an order that was told has all."""
    for key, moment in (("orderDate", entry.order_date), ("recordedAt", entry.recorded_at)):
        if entry.is_recorded and moment is None:
            node.below(key).refuse(
                InvalidValue("REQUIRED", "is required where totalAmount is told")
            )
        elif not entry.is_recorded and moment is not None:
            node.below(key).refuse(
                InvalidValue("INVALID_VALUE", "must be null without totalAmount")
            )


def _marks(node: Node, seen: Seen, owner: Owner) -> Sequence[PendingChange]:
    found = []
    for each in node.rows("pendingChanges"):
        before = _before(each, owner)
        if (pending_change := each.read(rows.MARK, before=before)) is not None:
            found.append((each.below("number"), pending_change))
    seen.expect_rising(PendingChange, ((at, pending_change.number) for at, pending_change in found))
    return [pending_change for _, pending_change in found]


def _before(node: Node, owner: Owner) -> Customer | None:
    if (row := node.row("before")) is None:
        return None
    told = row.row("statistics")
    statistics = None if told is None else told.read(rows.STATISTICS)
    return row.read(
        rows.BEFORE,
        id=owner["customer_id"],
        tenant_id=owner["tenant_id"],
        statistics=statistics or NO_ORDERS,
    )


def _expect_book(node: Node, addresses: Placed[Address]) -> None:
    if len(addresses) > MAX_ADDRESSES:
        code = AddressLimitExceeded.code
        node.below("addresses").contradict(code, f"must be at most {MAX_ADDRESSES}")
    defaults = [(at, each) for at, each in addresses if each.is_default]
    for index, (at, each) in enumerate(defaults):
        if any(other.address_type.shares(each.address_type) for _, other in defaults[:index]):
            at.below("isDefault").contradict(*_TWO_DEFAULTS)


def _expect_wallet(methods: Placed[PaymentMethod]) -> None:
    for at, _ in [(at, each) for at, each in methods if each.is_default][1:]:
        at.below("isDefault").contradict(*_TWO_DEFAULTS)
    for at, each in methods:
        at.refuse_all(
            card_numbers(
                {
                    "paymentGateway": each.payment_gateway,
                    "gatewayPaymentMethodId": each.gateway_payment_method_id,
                    "cardBrand": each.card_brand,
                }
            )
        )


def _expect_journal(communications: Placed[Communication]) -> None:
    known: set[tuple[str, str]] = set()
    for at, each in communications:
        key = (each.communication_type, each.external_id)
        if each.external_id and key in known:
            at.below("externalId").contradict("DUPLICATE", "stands in another row already")
        known.add(key)


_TWO_DEFAULTS = ("INVALID_VALUE", "must be false: there is another default already")
