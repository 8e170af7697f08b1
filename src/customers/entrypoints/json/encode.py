"""Encodes values of the core as JSON, key by key.

The dictionaries hold datetimes, UUIDs and exact decimals; `encode` writes them as JSON text.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import cast

import msgspec

from customers.core.model.address import Address
from customers.core.model.api_key import ApiKey, NewApiKey
from customers.core.model.customer import Customer, Profile
from customers.core.model.erasure import NOT_REACHED, Erasure, RecordKind
from customers.core.model.journal import Communication, Note
from customers.core.model.ledger import Entry, RecordedOrder
from customers.core.model.membership import SegmentSummary
from customers.core.model.money import Currency
from customers.core.model.order import StoredRefund
from customers.core.model.payment import PaymentMethod
from customers.core.model.segment import SegmentType
from customers.entrypoints.json import shapes

encode = msgspec.json.Encoder(decimal_format="number").encode


class Encoder:
    """Encodes values of the core; amounts have the decimals of the deployment's currency."""

    def __init__(self, currency: Currency) -> None:
        self._currency = currency
        self._unit = currency.unit

    @staticmethod
    def existing_customer(customer: Customer) -> shapes.ExistingCustomer:
        return {
            "id": customer.id,
            "email": customer.email,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "phone": customer.phone,
            "status": customer.status,
        }

    @staticmethod
    def verified_customer(customer: Customer) -> shapes.VerifiedCustomer:
        return {
            "id": customer.id,
            "email": customer.email,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "emailVerified": customer.email_verified,
        }

    def customer(self, customer: Customer) -> shapes.Customer:
        statistics, unit = customer.statistics, self._unit
        spent = statistics.total_spent.quantize(unit)
        body: shapes.Customer = {
            "id": customer.id,
            "tenantId": customer.tenant_id,
            "userId": customer.user_id,
            "email": customer.email,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "phone": customer.phone,
            "status": customer.status,
            "customerType": customer.customer_type,
            "totalOrders": statistics.total_orders,
            "totalSpent": spent,
            "averageOrderValue": statistics.average_order_value.quantize(unit),
            "lifetimeValue": spent,
            "currency": self._currency.code,
            "firstOrderDate": statistics.first_order_date,
            "lastOrderDate": statistics.last_order_date,
            "country": customer.country,
            "countryCode": customer.country_code,
            "avatarUrl": customer.avatar_url,
            "tags": customer.tags,
            "notes": customer.notes,
            "marketingOptIn": customer.marketing_opt_in,
            "emailVerified": customer.email_verified,
            "createdAt": customer.created_at,
            "updatedAt": customer.updated_at,
            "version": customer.version,
        }
        if customer.date_of_birth is not None:
            body["dateOfBirth"] = midnight(customer.date_of_birth)
        if customer.locked_at is not None or customer.unlocked_at is not None:
            body.update(cast("shapes.Customer", _locking(customer)))
        if customer.deleted_at is not None:
            body["deletedAt"] = customer.deleted_at
        return body

    def profile(self, profile: Profile) -> shapes.Profile:
        body = cast("shapes.Profile", self.customer(profile.customer))
        if profile.addresses:
            body["addresses"] = [self.address(address) for address in profile.addresses]
        if profile.payment_methods:
            body["paymentMethods"] = [self.method(method) for method in profile.payment_methods]
        return body

    def address(self, address: Address) -> shapes.Address:
        return {
            "id": address.id,
            "customerId": address.customer_id,
            "tenantId": address.tenant_id,
            "addressType": address.address_type,
            "isDefault": address.is_default,
            "label": address.label,
            "firstName": address.first_name,
            "lastName": address.last_name,
            "company": address.company,
            "addressLine1": address.address_line1,
            "addressLine2": address.address_line2,
            "city": address.city,
            "state": address.state,
            "postalCode": address.postal_code,
            "country": address.country,
            "phone": address.phone,
            "createdAt": address.created_at,
            "updatedAt": address.updated_at,
        }

    def method(self, method: PaymentMethod) -> shapes.PaymentMethod:
        return {
            "id": method.id,
            "customerId": method.customer_id,
            "tenantId": method.tenant_id,
            "paymentGateway": method.payment_gateway,
            "gatewayPaymentMethodId": method.gateway_payment_method_id,
            "paymentType": method.payment_type,
            "cardBrand": method.card_brand,
            "lastFour": method.last_four,
            "expiryMonth": method.expiry_month,
            "expiryYear": method.expiry_year,
            "isDefault": method.is_default,
            "isActive": method.is_active,
            "createdAt": method.created_at,
            "updatedAt": method.updated_at,
        }

    def note(self, note: Note) -> shapes.Note:
        return {
            "id": note.id,
            "customerId": note.customer_id,
            "tenantId": note.tenant_id,
            "note": note.note,
            "createdBy": note.created_by,
            "createdAt": note.created_at,
            "updatedAt": note.updated_at,
        }

    def communication(self, communication: Communication) -> shapes.Communication:
        return {
            "id": communication.id,
            "customerId": communication.customer_id,
            "tenantId": communication.tenant_id,
            "communicationType": communication.communication_type,
            "direction": communication.direction,
            "subject": communication.subject,
            "content": communication.content,
            "status": communication.status,
            "externalId": communication.external_id,
            "createdAt": communication.created_at,
        }

    def entry(self, entry: Entry) -> shapes.LedgerOrder:
        """A recorded order, which has an amount and dates. The entry must not be a stub."""
        return {
            "orderId": entry.order_id,
            "orderNumber": entry.order_number,
            "totalAmount": self.money(entry.total_amount or Decimal(0)),
            "currency": self._currency.code,
            "orderDate": cast("datetime", entry.order_date),
            "refundedAmount": self.money(entry.refunded_amount),
            "cancelledAt": entry.cancelled_at,
            "recordedAt": cast("datetime", entry.recorded_at),
        }

    def order(self, order: RecordedOrder) -> shapes.OrderWithRefunds:
        return {**self.entry(order.entry), "refunds": [self.refund(one) for one in order.refunds]}

    def refund(self, refund: StoredRefund) -> shapes.LedgerRefund:
        return {
            "refundId": refund.refund_id,
            "amount": self.money(refund.amount),
            "refundedAt": refund.refunded_at,
            "recordedAt": refund.recorded_at,
        }

    def segment(self, summary: SegmentSummary) -> shapes.Segment:
        segment, text = summary.segment, summary.segment.rules_text
        body: shapes.Segment = {
            "id": segment.id,
            "tenantId": segment.tenant_id,
            "name": segment.name,
            "description": segment.description,
            "rules": None if text is None else msgspec.Raw(text.encode()),
            "isDynamic": segment.is_dynamic,
            "isActive": segment.is_active,
            "customerCount": summary.member_count,
            "createdAt": segment.created_at,
            "updatedAt": segment.updated_at,
            "segmentType": SegmentType.DYNAMIC if segment.is_dynamic else SegmentType.STATIC,
            "memberCount": summary.member_count,
            "buildStatus": summary.build_status,
            "buildProgress": summary.progress,
        }
        if summary.build_error is not None:
            body["buildError"] = summary.build_error
        return body

    @staticmethod
    def api_key(key: ApiKey) -> shapes.ApiKey:
        return {
            "id": key.id,
            "name": key.name,
            "permissions": key.permissions,
            "tenantId": key.tenant_id,
            "expiresAt": key.expires_at,
            "createdAt": key.created_at,
            "lastUsedAt": key.last_used_at,
        }

    def new_api_key(self, new: NewApiKey) -> shapes.NewApiKey:
        return {**self.api_key(new.key), "key": new.text}

    def erasure(self, erasure: Erasure) -> shapes.Erasure:
        return {
            "message": "customer erased",
            "customerId": erasure.customer_id,
            "erasedAt": erasure.erased_at,
            "tables": {table: erasure.counts[kind] for kind, table in RECORD_TABLES.items()},
            "notReached": NOT_REACHED,
        }

    def money(self, value: Decimal) -> Decimal:
        return value.quantize(self._unit)


def _locking(customer: Customer) -> dict[str, object]:
    """The keys of `shapes.Locking` that have a value."""
    keys = {
        "lockReason": customer.lock_reason,
        "lockedAt": customer.locked_at,
        "lockedBy": customer.locked_by,
        "unlockReason": customer.unlock_reason,
        "unlockedAt": customer.unlocked_at,
        "unlockedBy": customer.unlocked_by,
    }
    return {key: value for key, value in keys.items() if value is not None}


# The names under which an erasure receipt counts records, in the order of the answer.
RECORD_TABLES = {
    RecordKind.CUSTOMER: "customers",
    RecordKind.ADDRESS: "customer_addresses",
    RecordKind.PAYMENT_METHOD: "customer_payment_methods",
    RecordKind.SEGMENT: "customer_segments",
    RecordKind.ASSIGNMENT: "customer_segment_assignments",
    RecordKind.MEMBERSHIP: "customer_segment_members",
    RecordKind.MEMBERSHIP_CHANGE: "customer_segment_changes",
    RecordKind.PENDING_CHANGE: "customer_segment_pending_changes",
    RecordKind.NOTE: "customer_notes",
    RecordKind.COMMUNICATION: "customer_communications",
    RecordKind.ORDER: "customer_orders",
    RecordKind.REFUND: "customer_refunds",
    RecordKind.VERIFICATION: "customer_email_verifications",
}


def midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
