"""Erasure: the receipt for the removal of a customer's personal data (GDPR, article 17)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from attrs import frozen

# The copies of records that an erasure cannot reach; docs/privacy.md says how long they last.
NOT_REACHED: Final = ("backups", "replicas")


class RecordKind(StrEnum):
    """The kinds of records that a receipt counts, in the order in which it lists them."""

    CUSTOMER = "customer"
    ADDRESS = "address"
    PAYMENT_METHOD = "payment_method"
    SEGMENT = "segment"
    ASSIGNMENT = "assignment"
    MEMBERSHIP = "membership"
    MEMBERSHIP_CHANGE = "membership_change"
    PENDING_CHANGE = "pending_change"
    NOTE = "note"
    COMMUNICATION = "communication"
    ORDER = "order"
    REFUND = "refund"
    VERIFICATION = "verification"


@frozen(kw_only=True)
class Erasure:
    """The receipt of an erasure: when the customer was erased, and how many records of each kind it
    removed or emptied, zero included.
    """

    customer_id: UUID
    erased_at: datetime
    counts: Mapping[RecordKind, int]

    @classmethod
    def of(cls, customer_id: UUID, erased_at: datetime, counts: Mapping[RecordKind, int]) -> Self:
        """The receipt for these counts; the customer counts 1, a kind without a count 0."""
        counts = {RecordKind.CUSTOMER: 1, **counts}
        return cls(
            customer_id=customer_id,
            erased_at=erased_at,
            counts={kind: counts.get(kind, 0) for kind in RecordKind},
        )
