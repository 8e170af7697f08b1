"""Restoring states: plain JSON values to rows, and rows to states.

Each row is checked against the rows before it, for everything that the storage relies on. Whether
some history could have led to the rows is not checked: versions, the order of moments, refunds that
exceed their order, earlier values of customers, and whether stored members match their rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from attrs import define, evolve, field
from immutables import Map

from customers.adapters.memory.snapshot.converter import (
    camel,
    problem_at,
    snapshot_converter,
    structured,
)
from customers.adapters.memory.snapshot.gates import TenantKey
from customers.adapters.memory.snapshot.rows import TenantRows
from customers.adapters.memory.state import EMPTY, State, token_of
from customers.core.errors import (
    AddressLimitExceeded,
    CustomerNotFound,
    CustomersError,
    EmailTaken,
    InvalidValue,
    PaymentMethodTaken,
    SegmentNameTaken,
    SegmentNotFound,
)
from customers.core.model import address, payment
from customers.core.model.cards import card_numbers
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.membership import RefreshState, depends_on_orders
from customers.core.model.money import Currency
from customers.core.model.order import NO_ORDERS, fold_ledger
from customers.core.model.payment import PaymentMethod
from customers.core.model.problems import Problems


def restore(data: object, currency: Currency, at: JsonPointer) -> dict[str, State]:
    """The states by tenant. Raises Invalid with a pointer to each bad place, below `at`.

    Contradictions between rows are reported when every row is valid by itself.
    """
    tenants = structured(snapshot_converter(currency), data, Mapping[TenantKey, TenantRows], at)
    problems = Problems()
    states = {
        tenant_id: _StateBuilder(rows, tenant_id, currency, at.below(tenant_id), problems).build()
        for tenant_id, rows in tenants.items()
    }
    problems.raise_if_any()
    return states


@define
class _StateBuilder:
    """Builds the state of one tenant from its rows, and collects the contradictions."""

    _rows: TenantRows
    _tenant_id: str
    _currency: Currency
    _at: JsonPointer
    _problems: Problems
    _state: State = field(factory=State, init=False)

    def build(self) -> State:
        """The state; it is of no use when there are problems."""
        self._add_customers()
        self._add_erased_customers()
        self._add_addresses()
        self._add_payment_methods()
        self._add_notes()
        self._add_communications()
        self._add_orders()
        self._add_refunds()
        self._fold_statistics()
        self._add_segments()
        self._add_assignments()
        self._add_changes()
        self._add_pending_changes()
        self._set_capture()
        return self._state

    def _add_customers(self) -> None:
        for at, customer in self._entities("customers"):
            is_taken = customer.is_living and self._state.is_email_taken(customer)
            self._expect(not is_taken, at.below("email"), EmailTaken)
            is_derived = customer.statistics == NO_ORDERS
            self._expect(is_derived, at.below("statistics"), "must be left out: it is derived")
            self._state = self._state.with_customer(customer)

    def _add_erased_customers(self) -> None:
        for at, row in self._entities("erased_customers"):
            self._expect_new(self._state.any_customer(row.id) is None, at.below("id"))
            self._state = self._state.with_customer(row.customer)
            self._set(erasures=self._state.erasures.set(row.id, row.erasure))

    def _add_addresses(self) -> None:
        for at, row in self._owned("addresses"):
            book = self._state.addresses.get(row.customer_id, ())
            self._expect(len(book) < address.MAX_ADDRESSES, at, AddressLimitExceeded)
            rivals = [other for other in book if other.address_type.shares(row.address_type)]
            self._expect_single_default(at, row, rivals)
            book = tuple(sorted((*book, row), key=address.sort_key))
            self._set(addresses=self._state.addresses.set(row.customer_id, book))

    def _add_payment_methods(self) -> None:
        for at, row in self._owned("payment_methods"):
            wallet = self._state.payment_methods.get(row.customer_id, ())
            self._expect_single_default(at, row, wallet)
            self._expect_no_card_numbers(at, row)
            if row.customer_id in self._state.living:
                place, token = at.below("gatewayPaymentMethodId"), token_of(row)
                self._expect(token not in self._state.tokens, place, PaymentMethodTaken)
                self._set(tokens=self._state.tokens.set(token, row.id))
            wallet = tuple(sorted((*wallet, row), key=payment.sort_key))
            self._set(payment_methods=self._state.payment_methods.set(row.customer_id, wallet))

    def _add_notes(self) -> None:
        for _, note in self._owned("notes"):
            notes = self._state.notes.get(note.customer_id, EMPTY).set(note.id, note)
            self._set(notes=self._state.notes.set(note.customer_id, notes))

    def _add_communications(self) -> None:
        external_ids: set[tuple[UUID, str, str]] = set()
        for at, row in self._owned("communications"):
            external_id = (row.customer_id, row.communication_type, row.external_id)
            is_new = not row.external_id or external_id not in external_ids
            self._expect_new(is_new, at.below("externalId"))
            external_ids.add(external_id)
            stored = self._state.communications.get(row.customer_id, EMPTY).set(row.id, row)
            self._set(communications=self._state.communications.set(row.customer_id, stored))

    def _add_orders(self) -> None:
        """An order has a date and a moment of recording; a stub has neither."""
        for at, entry in self._places("orders"):
            self._expect_customer(at.below("customerId"), entry.customer_id)
            self._expect_new(entry.order_id not in self._state.order_owners, at.below("orderId"))
            for name in ("order_date", "recorded_at"):
                is_set = getattr(entry, name) is not None
                text = "must be null without totalAmount, and is required with it"
                self._expect(is_set is entry.is_recorded, at.below(camel(name)), text)
            is_erased = entry.customer_id in self._state.erasures
            text = "must be empty: the customer is erased"
            self._expect(not (is_erased and entry.order_number), at.below("orderNumber"), text)
            self._state = self._state.with_entry(entry)

    def _add_refunds(self) -> None:
        for at, refund in self._places("refunds"):
            owner = self._state.order_owners.get(refund.order_id)
            key = (refund.order_id, refund.refund_id)
            self._expect(owner is not None, at.below("orderId"), "must be an order of this tenant")
            self._expect_new(key not in self._state.refunds, at.below("refundId"))
            if owner is not None:
                entry = self._state.ledger[owner][refund.order_id]
                total = entry.refunds_total + refund.amount
                self._state = self._state.with_entry(evolve(entry, refunds_total=total))
            self._set(refunds=self._state.refunds.set(key, refund))

    def _fold_statistics(self) -> None:
        for customer_id, entries in self._state.ledger.items():
            if (customer := self._state.any_customer(customer_id)) is not None:
                statistics = fold_ledger(entries.values(), self._currency)
                self._state = self._state.with_customer(evolve(customer, statistics=statistics))

    def _add_segments(self) -> None:
        """A segment that is missing in the refresh states is built as of its last change."""
        for at, segment in self._entities("segments"):
            is_free = segment.name_key not in self._state.segment_names
            self._expect(is_free, at.below("name"), SegmentNameTaken)
            self._state = self._state.with_segment(segment)
        states = {
            segment.id: self._rows.refresh_states.get(
                segment.id, RefreshState(target=segment.updated_at)
            )
            for segment in self._rows.segments
        }
        self._set(refresh_states=Map((id, state) for id, state in states.items() if state))
        for segment_id in self._rows.refresh_states:
            self._expect_segment(self._at.below("refreshStates", str(segment_id)), segment_id)

    def _add_assignments(self) -> None:
        for segment_id, assigned in self._rows.assignments.items():
            at = self._at.below("assignments", str(segment_id))
            self._expect_segment(at, segment_id)
            segment = self._state.segments.get(segment_id)
            is_manual = segment is None or not (segment.is_dynamic and assigned)
            self._expect(is_manual, at, "must be empty: the segment is dynamic")
            for customer_id in assigned:
                self._expect_customer(at.below(str(customer_id)), customer_id)
        assignments = self._rows.assignments.items()
        self._set(assignments=Map((id, Map(assigned)) for id, assigned in assignments))

    def _add_changes(self) -> None:
        last = 0
        for at, change in self._places("changes"):
            self._expect_segment(at.below("segmentId"), change.segment_id)
            self._expect_customer(at.below("customerId"), change.customer_id)
            self._expect(change.sequence > last, at.below("sequence"), _NOT_RISING)
            last = max(last, change.sequence)
            self._state = self._state.with_change(change)
        self._expect(self._rows.last_sequence >= last, self._at.below("lastSequence"), _TOO_LOW)
        self._set(last_sequence=self._rows.last_sequence)

    def _add_pending_changes(self) -> None:
        numbers = {0}
        for customer_id, changes in self._rows.pending_changes.items():
            at = self._at.below("pendingChanges", str(customer_id))
            self._expect_customer(at, customer_id)
            last = 0
            for index, change in enumerate(changes):
                is_rising = change.number > last and change.number not in numbers
                self._expect(is_rising, at.below(index, "number"), _NOT_RISING)
                is_own = change.before is None or change.before.id == customer_id
                self._expect(is_own, at.below(index, "before", "id"), CustomerNotFound)
                last = change.number
                numbers.add(last)
        is_enough = self._rows.last_pending_change >= max(numbers)
        self._expect(is_enough, self._at.below("lastPendingChange"), _TOO_LOW)
        pending = self._rows.pending_changes.items()
        self._set(
            pending_changes=Map((id, changes) for id, changes in pending if changes),
            last_pending_change=self._rows.last_pending_change,
        )

    def _set_capture(self) -> None:
        """Without change capture, changed customers would stay in segments, or out of them."""
        customers, orders = self._rows.captures_customers, self._rows.captures_orders
        needs_customers = any(segment.is_active for segment in self._rows.segments)
        needs_orders = any(map(depends_on_orders, self._rows.segments))
        text = "must be true: a segment depends on it"
        self._expect(customers or not needs_customers, self._at.below("capturesCustomers"), text)
        self._expect(orders or not needs_orders, self._at.below("capturesOrders"), text)
        self._set(captures_customers=customers, captures_orders=orders)

    def _places(self, name: str) -> Iterator[tuple[JsonPointer, Any]]:
        for index, row in enumerate(getattr(self._rows, name)):
            yield self._at.below(camel(name), index), row

    def _entities(self, name: str) -> Iterator[tuple[JsonPointer, Any]]:
        """Rows of this tenant with unique ids."""
        ids: set[UUID] = set()
        for at, row in self._places(name):
            is_own = row.tenant_id == self._tenant_id
            self._expect(is_own, at.below("tenantId"), "must be the tenant whose data this is")
            self._expect_new(row.id not in ids, at.below("id"))
            ids.add(row.id)
            yield at, row

    def _owned(self, name: str) -> Iterator[tuple[JsonPointer, Any]]:
        """Entities of customers who are not erased."""
        for at, row in self._entities(name):
            self._expect_customer(at.below("customerId"), row.customer_id)
            is_erased = row.customer_id in self._state.erasures
            self._expect(not is_erased, at.below("customerId"), CustomerNotFound)
            yield at, row

    def _expect_single_default(self, at: JsonPointer, row: Any, rivals: Iterable[Any]) -> None:
        has_rival = row.is_default and any(rival.is_default for rival in rivals)
        self._expect(not has_rival, at.below("isDefault"), "must be false: another is the default")

    def _expect_no_card_numbers(self, at: JsonPointer, method: PaymentMethod) -> None:
        for name in ("payment_gateway", "gateway_payment_method_id", "card_brand"):
            for problem in card_numbers(getattr(method, name)):
                self._add_problem(at.below(camel(name)), problem.code, problem.message)

    def _expect_new(self, is_new: bool, at: JsonPointer) -> None:
        if not is_new:
            self._add_problem(at, "DUPLICATE", "must not repeat the value of another row")

    def _expect_customer(self, at: JsonPointer, customer_id: UUID) -> None:
        self._expect(self._state.any_customer(customer_id) is not None, at, CustomerNotFound)

    def _expect_segment(self, at: JsonPointer, segment_id: UUID) -> None:
        self._expect(segment_id in self._state.segments, at, SegmentNotFound)

    def _expect(self, condition: bool, at: JsonPointer, error: type[CustomersError] | str) -> None:
        if condition:
            return
        if isinstance(error, str):
            self._add_problem(at, "INVALID_VALUE", error)
        else:
            self._add_problem(at, error.code, error.message)

    def _add_problem(self, at: JsonPointer, code: str, message: str) -> None:
        self._problems.extend([problem_at(at.pointer, InvalidValue(code, message))])

    def _set(self, **changes: Any) -> None:
        self._state = evolve(self._state, **changes)


_NOT_RISING = "must be greater than the number before it, and unique"
_TOO_LOW = "must be at least the greatest number in use"
