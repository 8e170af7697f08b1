"""Turns requests into commands: each value of a message goes through the gate of its field.

The model's gates decide which values are valid; only Money and Timestamp are converted here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args

from attrs import NOTHING, AttrsInstance, fields, frozen
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money as MoneyMessage

from customers.core.model.money import Currency, CurrencyCode, Money
from customers.core.model.order import OrderDate, RefundAmount, order_date, refund_amount
from customers.core.model.problems import Name, Problems
from customers.core.model.tenant import Tenant, TenantGate
from customers.core.ports.clock import Clock
from customers.entrypoints.grpc.money import amount_of, rfc3339_of

Command = TypeVar("Command", bound=AttrsInstance)
Gate = Callable[[object], object]


@frozen(kw_only=True)
class _Field:
    """One field of a command, and its path in the message, e.g. `order_total.currency_code`."""

    name: str
    path: str
    value_in: Callable[[Message], object]
    gate: Gate
    is_required: bool


@frozen(kw_only=True)
class DeploymentGates:
    """The gates that depend on the deployment or on the time."""

    currency: Currency
    clock: Clock
    tenants: TenantGate

    def by_type(self) -> Mapping[Any, Gate]:
        currency, clock = self.currency, self.clock
        return {
            Tenant: self.tenants.read,
            Money: currency.amount,
            RefundAmount: partial(refund_amount, currency=currency),
            CurrencyCode: currency.accept,
            OrderDate: lambda raw: order_date(raw, now=clock.now()),
        }


class CommandReader(Generic[Command]):
    """Reads messages as one kind of command; amounts are in the deployment's currency.

    `paths` holds the path of every field that the message names differently.
    """

    def __init__(
        self, kind: type[Command], deployment: DeploymentGates, paths: Mapping[str, str]
    ) -> None:
        self._kind = kind
        self._currency = deployment.currency
        gates = deployment.by_type()
        self._fields = [
            _Field(
                name=field.name,
                path=(path := paths.get(field.name, field.name)),
                value_in=attrgetter(path),
                gate=_gate(field.type, gates),
                is_required=field.default is NOTHING,
            )
            for field in fields(kind)
        ]

    def read(self, message: Message) -> Command:
        """The command. Raises Invalid, which names invalid fields by their paths in the message."""
        problems = Problems()
        # Malformed fields are reported first, and are not reported as missing as well.
        raw_values = [self._raw(message, field, problems) for field in self._fields]
        values: dict[str, Any] = {}
        for field, raw in zip(self._fields, raw_values, strict=True):
            if raw is not None:
                values[field.name] = problems.read(field.gate, raw, Name(field.path))
            elif field.is_required:
                problems.add(Name(field.path), "REQUIRED", "is required")
        problems.raise_if_any()
        return self._kind(**values)

    def _raw(self, message: Message, field: _Field, problems: Problems) -> object:
        """The value for the gate; None if it is absent, or if it is malformed, with a problem."""
        value = field.value_in(message)
        if not isinstance(value, Message):
            return value or None  # protobuf does not tell an absent string from an empty one
        if not message.HasField(field.path):
            return None
        return problems.read(self._plain, value, Name(field.path))

    def _plain(self, value: object) -> object:
        if isinstance(value, MoneyMessage):
            return amount_of(value, self._currency)
        if isinstance(value, Timestamp):
            return rfc3339_of(value)
        raise TypeError(f"no gate takes {type(value).__name__}")


def _gate(annotation: Any, deployment_gates: Mapping[Any, Gate]) -> Gate:
    """The gate that a field's type names; `| None` only says that the field may be absent."""
    kind = get_args(annotation)[0] if type(None) in get_args(annotation) else annotation
    if (deployment_gate := deployment_gates.get(kind)) is not None:
        return deployment_gate
    gate: Gate = get_args(kind)[1].read
    return gate
