"""Erasure: the receipt that a customer's personal values are gone (GDPR, article 17)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Erasure:
    """When a customer was erased, and how many rows of each table that touched, zero included."""

    customer_id: UUID
    erased_at: datetime
    tables: Mapping[str, int]


TABLES = (
    "customers",
    "customer_addresses",
    "customer_payment_methods",
    "customer_segments",
    "customer_segment_assignments",
    "customer_segment_members",
    "customer_notes",
    "customer_communications",
    "customer_orders",
    "customer_refunds",
)
