"""A batch of orders over REST: reads each order by itself, and returns an outcome for each."""

from collections.abc import Sequence
from typing import Annotated, Any, cast

from attrs import asdict, frozen

from customers.bulkheads.turns import in_slices
from customers.core.errors import CustomersError, Invalid, InvalidValue
from customers.core.errors.access import TenantForbidden
from customers.core.errors.availability import Unavailable
from customers.core.model.order import Order
from customers.core.model.problems import too_many_problems
from customers.core.model.values import Id
from customers.core.services.orders import LedgerResult
from customers.entrypoints.http.body import CallerLeft
from customers.entrypoints.http.errors import INTERNAL_ERROR, details_of, error_response_of
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.json import shapes
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.ledger.batch import TOO_MANY_ORDERS, OrderBatches, Outcome
from customers.entrypoints.ledger.batch_room import MAX_BATCH_ORDERS
from customers.entrypoints.ledger.commands import OrderCommand
from customers.entrypoints.observability.ledger_metrics import LedgerMetrics
from customers.entrypoints.observability.logs import logger

_TENANT_KEY = "tenantId"
_MAX_ECHO = 100
# An outcome lists this many problems, then one that says that there are more: a thousand orders
# with a hundred problems each would be a long answer.
_MAX_PROBLEMS = 10


@frozen(kw_only=True)
class BatchOrder(Order):
    """An order of a batch, with its customer."""

    customer_id: Id


@frozen(kw_only=True)
class OrderBatch:
    """The body of a batch, as OpenAPI describes it; it is read as a `RawOrderBatch`."""

    orders: Annotated[list[BatchOrder], f"At most {MAX_BATCH_ORDERS:,}."]


@frozen
class RawOrdersGate:
    """A list of at most MAX_BATCH_ORDERS orders, which are decoded later, each by itself."""

    def read(self, raw: object) -> Sequence[object]:
        if not isinstance(raw, list):
            raise InvalidValue("INVALID_TYPE", "must be a list")
        if len(raw) > MAX_BATCH_ORDERS:
            raise InvalidValue(TOO_MANY_ORDERS.code, TOO_MANY_ORDERS.message)
        return raw


@frozen(kw_only=True)
class RawOrderBatch:
    """The body of a batch, whose orders are not decoded yet."""

    orders: Annotated[Sequence[object], RawOrdersGate()]


async def record_batch(
    context: RequestContext,
    raw_orders: Sequence[object],
    decoder: Decoder,
    batches: OrderBatches,
    ledger_metrics: LedgerMetrics,
) -> shapes.OrderBatchResponse:
    """Records the orders of a body, and returns their outcomes. Raises BatchesBusy if there is no
    room for them, and if none could be recorded, Unavailable, or CallerLeft.
    """
    with batches.admit([context.tenant] * len(raw_orders)):
        commands = [_read(raw, context, decoder) async for raw in in_slices(raw_orders)]
        outcomes = await batches.record(commands, ledger_metrics, context.has_caller_left)
    if outcomes and all(isinstance(outcome, Unavailable) for outcome in outcomes):
        raise CallerLeft if context.has_caller_left() else Unavailable
    return {"outcomes": [_outcome(*pair) for pair in zip(raw_orders, outcomes, strict=True)]}


def _read(raw: object, context: RequestContext, decoder: Decoder) -> OrderCommand | CustomersError:
    """The command of one order; for an order that is refused, the error: an Invalid with its
    problems, or TenantForbidden.
    """
    if not isinstance(raw, dict):
        return Invalid.at("", "INVALID_TYPE", "must be an object")
    tenants, allowed = context.deployment.tenants, {_TENANT_KEY} if context.is_strict else None
    try:
        tenants.expect(context.tenant, raw.get(_TENANT_KEY), context.principal)
        order = decoder.decode(BatchOrder, raw, allowed=allowed)
    except (Invalid, TenantForbidden) as error:
        return error
    return OrderCommand(tenant_id=context.tenant, **asdict(order))


def _outcome(raw: object, outcome: Outcome) -> shapes.OrderOutcome:
    names = raw if isinstance(raw, dict) else {}
    named: shapes.OrderOutcome = {
        "customerId": _echo(names.get("customerId")),
        "orderId": _echo(names.get("orderId")),
        "status": 200,
    }
    if not isinstance(outcome, LedgerResult):
        return cast("shapes.OrderOutcome", named | _error(outcome))
    named["duplicate"] = outcome.duplicate
    if outcome.is_cancelled:
        named["cancelled"] = True
    return named


def _error(error: Exception) -> dict[str, Any]:
    if isinstance(error, Invalid):
        response = error_response_of(_first_problems(error))
    elif isinstance(error, CustomersError):
        response = error_response_of(error)
    else:
        logger().error("unhandled exception in a batch", exc_info=error)
        response = INTERNAL_ERROR
    return {
        "status": response.status,
        "code": response.code,
        "message": response.message,
        **details_of(response),
    }


def _first_problems(error: Invalid) -> Invalid:
    if len(error.problems) <= _MAX_PROBLEMS:
        return error
    return Invalid([*error.problems[:_MAX_PROBLEMS], too_many_problems(_MAX_PROBLEMS)])


def _echo(value: object) -> str | None:
    """The id as it was sent, with `?` for unpaired surrogates; None for what is not a text, or is
    too long.
    """
    if not isinstance(value, str) or len(value) > _MAX_ECHO:
        return None
    return value.encode(errors="replace").decode()
