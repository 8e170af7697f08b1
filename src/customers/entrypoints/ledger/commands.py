"""The commands of the ledger: each is a fact about an order, with its tenant and customer."""

from attrs import frozen

from customers.core.model.order import Order, OrderId, Refund
from customers.core.model.tenant import Tenant
from customers.core.model.values import Id


@frozen(kw_only=True)
class OrderCommand(Order):
    tenant_id: Tenant
    customer_id: Id


@frozen(kw_only=True)
class RefundCommand(Refund):
    tenant_id: Tenant
    customer_id: Id
    order_id: OrderId


@frozen(kw_only=True)
class CancellationCommand:
    tenant_id: Tenant
    customer_id: Id
    order_id: OrderId
