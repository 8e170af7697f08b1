"""The map of personal data: which fields of the records about a person are personal, and what an
erasure does with each field. Erasure, exports and the storages' own maps of columns follow it.

Every new field must be added to this map; a test names the fields that are missing.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen

from customers.core.model.address import Address
from customers.core.model.customer import Customer
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry
from customers.core.model.membership import SegmentAssignment, SequencedChange
from customers.core.model.order import Statistics, StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.pending_changes import PendingChange
from customers.core.model.verification import Verification


class ErasureEffect(StrEnum):
    """What an erasure does with the value of a field."""

    EMPTIED = "emptied"
    REMOVED = "removed with its record"
    KEPT = "kept"


@frozen(kw_only=True)
class RecordMap:
    """The fields of one kind of record: the `personal` ones and the others.

    An erasure removes the record as a whole if `is_removed`; else it empties the personal fields
    and keeps the others. Of a customer, it also resets the status, the type and the lock dates, and
    sets the version and the dates of update, deletion and erasure. An export shows only a part of
    `masked` fields, which hold secrets, and shows `of_staff` fields, which name members of staff,
    to staff only.
    """

    personal: frozenset[str]
    others: frozenset[str]
    is_removed: bool
    masked: frozenset[str] = frozenset()
    of_staff: frozenset[str] = frozenset()

    def effect(self, field: str) -> ErasureEffect:
        """What an erasure does with the field. Raises KeyError for a field not in the map."""
        if field not in self.personal | self.others:
            raise KeyError(field)
        if self.is_removed:
            return ErasureEffect.REMOVED
        return ErasureEffect.EMPTIED if field in self.personal else ErasureEffect.KEPT


def record_map(
    personal: str,
    others: str,
    *,
    is_removed: bool = False,
    masked: str = "",
    of_staff: str = "",
) -> RecordMap:
    """The map of one kind of record; the names of the fields are separated by spaces."""
    return RecordMap(
        personal=frozenset(personal.split()),
        others=frozenset(others.split()),
        is_removed=is_removed,
        masked=frozenset(masked.split()),
        of_staff=frozenset(of_staff.split()),
    )


PERSONAL_DATA: Final[Mapping[type, RecordMap]] = {
    Customer: record_map(
        "user_id email first_name last_name phone date_of_birth country country_code avatar_url "
        "tags notes marketing_opt_in email_verified lock_reason locked_by unlock_reason "
        "unlocked_by",
        "id tenant_id status customer_type statistics locked_at unlocked_at created_at updated_at "
        "version deleted_at erased_at",
        of_staff="locked_by unlocked_by",
    ),
    Statistics: record_map(
        "", "total_orders total_spent average_order_value first_order_date last_order_date"
    ),
    Address: record_map(
        "label first_name last_name company address_line1 address_line2 city state postal_code "
        "country phone",
        "id tenant_id customer_id address_type is_default created_at updated_at",
        is_removed=True,
    ),
    PaymentMethod: record_map(
        "payment_gateway gateway_payment_method_id card_brand last_four expiry_month expiry_year",
        "id tenant_id customer_id payment_type is_default is_active created_at updated_at",
        is_removed=True,
        masked="gateway_payment_method_id",
    ),
    Note: record_map(
        "note created_by",
        "id tenant_id customer_id created_at updated_at",
        is_removed=True,
        of_staff="created_by",
    ),
    Communication: record_map(
        "subject content external_id",
        "id tenant_id customer_id communication_type direction status created_at",
        is_removed=True,
    ),
    Entry: record_map(
        "order_number",
        "order_id customer_id total_amount order_date order_date_stated refunds_total "
        "cancelled_at recorded_at",
    ),
    StoredRefund: record_map("", "order_id refund_id amount refunded_at recorded_at"),
    SegmentAssignment: record_map(
        "assigned_by", "segment_id assigned_at", is_removed=True, of_staff="assigned_by"
    ),
    SequencedChange: record_map("", "sequence segment_id customer_id entered at cause"),
    PendingChange: record_map("before", "number at cause", is_removed=True),
    # Hashes, which only the holder of an e-mail's token can compute.
    Verification: record_map(
        "",
        "tenant_id customer_id token_hash address_hash sent_at expires_at used_at",
        is_removed=True,
        masked="token_hash address_hash",
    ),
}

# The kinds of records that belong to a customer, in the order in which an export reads them.
RECORD_KINDS: Final = tuple(kind for kind in PERSONAL_DATA if kind not in (Customer, Statistics))


@frozen(kw_only=True)
class PersonalRecords:
    """Some of the records of one kind. An export has every kind at least once, even if there are
    no records of the kind.
    """

    kind: type
    records: Sequence[object]
