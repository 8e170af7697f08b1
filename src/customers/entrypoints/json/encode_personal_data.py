"""Encodes everything that is stored about a person as JSON: each record with its fields.

The map of personal data says which fields are masked, and which are left out of an answer to the
person: those that name members of the staff are the data of somebody else.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from attrs import fields, frozen, has

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.erasure import RecordKind
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import (
    SegmentAssignment,
    SegmentMembership,
    SequencedChange,
)
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.personal_data import PERSONAL_DATA
from customers.core.model.verification import Verification
from customers.entrypoints.json.decode import camel
from customers.entrypoints.json.encode import RECORD_TABLES, Encoder, midnight

# The names of the tables in the answer, as in the receipt of an erasure.
PERSONAL_TABLES: Final = {
    Customer: RECORD_TABLES[RecordKind.CUSTOMER],
    Address: RECORD_TABLES[RecordKind.ADDRESS],
    PaymentMethod: RECORD_TABLES[RecordKind.PAYMENT_METHOD],
    Note: RECORD_TABLES[RecordKind.NOTE],
    Communication: RECORD_TABLES[RecordKind.COMMUNICATION],
    Entry: RECORD_TABLES[RecordKind.ORDER],
    StoredRefund: RECORD_TABLES[RecordKind.REFUND],
    SegmentAssignment: RECORD_TABLES[RecordKind.ASSIGNMENT],
    SegmentMembership: RECORD_TABLES[RecordKind.MEMBERSHIP],
    SequencedChange: RECORD_TABLES[RecordKind.MEMBERSHIP_CHANGE],
    PendingChange: RECORD_TABLES[RecordKind.PENDING_CHANGE],
    Verification: RECORD_TABLES[RecordKind.VERIFICATION],
}
# The last four characters of a shorter token would reveal too much of it.
_MIN_LENGTH_TO_SHOW_END: Final = 12


@frozen
class PersonalDataEncoder:
    """Encodes records. `is_for_person`: for the person themselves, so without the ids of staff."""

    _encoder: Encoder
    _is_for_person: bool = False

    def for_person(self) -> "PersonalDataEncoder":
        return PersonalDataEncoder(self._encoder, True)

    def record(self, record: Any) -> dict[str, object]:
        """The fields of a record; those of its statistics are on the same level as the others."""
        record_map = PERSONAL_DATA.get(type(record))
        left_out = record_map.of_staff if record_map and self._is_for_person else ()
        masked = record_map.masked if record_map else ()
        body: dict[str, object] = {}
        for name in (field.name for field in fields(type(record)) if field.name not in left_out):
            value = getattr(record, name)
            if isinstance(value, Statistics):
                body |= self.record(value)
            else:
                body[camel(name)] = mask(value) if name in masked else self._value(value)
        return body

    def _value(self, value: object) -> object:
        if isinstance(value, Decimal):
            return self._encoder.money(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return midnight(value)
        return self.record(value) if has(type(value)) else value


def mask(token: str) -> str:
    """The token with all but its last four characters masked; a short token is masked entirely."""
    return f"***{token[-4:]}" if len(token) >= _MIN_LENGTH_TO_SHOW_END else "***"
