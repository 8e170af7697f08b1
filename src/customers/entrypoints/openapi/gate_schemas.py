"""The JSON schemas (draft 2020-12) of gates.

A gate may accept more than its schema, such as another letter case, white space around a text, or a
number as a string. No caller needs to send such values.
"""

from functools import singledispatch
from typing import Any

from customers.core.model.address import AddressTypeGate
from customers.core.model.api_key import MAX_NAMES, PermissionsGate
from customers.core.model.contact_gates import CountryCodeGate, EmailGate, PhoneGate
from customers.core.model.moments import DayGate, MomentGate
from customers.core.model.money import MAX_AMOUNT
from customers.core.model.payment import LastFourGate
from customers.core.model.permissions import PERMISSION_NAMES
from customers.core.model.tenant import MAX_TENANT_LENGTH, TenantGate
from customers.core.model.values import (
    MAX_TAGS,
    ChoiceGate,
    FlagGate,
    IdGate,
    IdsGate,
    TagsGate,
    TextGate,
    VisibleGate,
    WholeNumberGate,
)
from customers.core.model.verification import TokenGate
from customers.entrypoints.http.gates import (
    AddressGate,
    AnyTextGate,
    BooleanGate,
    CountGate,
    CursorGate,
    NumberGate,
    RangeEndGate,
)

Schema = dict[str, Any]

# A string keeps an amount exact for callers that only have floating-point numbers.
AMOUNT: Schema = {
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": float(MAX_AMOUNT),
    "pattern": r"^[0-9]+(\.[0-9]+)?$",
}
# No pattern: in a body or a query it would be a breaking change for generated clients. The
# description of the whole document states the rule.
TENANT: Schema = {"type": "string", "maxLength": MAX_TENANT_LENGTH}
POSITIVE = r"^([0-9]*[1-9][0-9]*(\.[0-9]+)?|[0-9]+\.[0-9]*[1-9][0-9]*)$"
MOMENT: Schema = {"type": "string", "format": "date-time"}


@singledispatch
def schema_of(gate: object) -> Schema:
    """The schema of a gate. Raises TypeError for an unknown kind of gate."""
    raise TypeError(f"no schema for {gate!r}: register one in {__name__}")


@schema_of.register
def _(gate: TextGate) -> Schema:
    min_length = max(gate.min_length, 0 if gate.blank else 1)
    schema: Schema = {"type": "string", "maxLength": gate.max_length}
    return schema | ({"minLength": min_length} if min_length else {})


@schema_of.register
def _(_: EmailGate) -> Schema:
    return {"type": "string", "format": "email", "maxLength": 254}


@schema_of.register
def _(_: PhoneGate) -> Schema:
    return {"type": "string", "maxLength": 50, "pattern": "^[0-9+\\-()./ x]*$"}


@schema_of.register
def _(gate: CountryCodeGate) -> Schema:
    return {"type": "string", "pattern": "^([A-Za-z]{2})?$" if gate.blank else "^[A-Za-z]{2}$"}


@schema_of.register
def _(_: IdGate) -> Schema:
    return {"type": "string", "format": "uuid"}


@schema_of.register
def _(gate: IdsGate) -> Schema:
    return {"type": "array", "items": schema_of(IdGate()), "minItems": 1, "maxItems": gate.limit}


@schema_of.register
def _(_: PermissionsGate) -> Schema:
    name: Schema = {"type": "string", "enum": list(PERMISSION_NAMES)}
    return {"type": "array", "items": name, "minItems": 1, "maxItems": MAX_NAMES}


@schema_of.register
def _(gate: VisibleGate) -> Schema:
    return {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": gate.max_length}


@schema_of.register
def _(_: TenantGate) -> Schema:
    return TENANT | {"minLength": 1}


@schema_of.register
def _(_: MomentGate) -> Schema:
    return MOMENT


@schema_of.register(DayGate)
@schema_of.register(RangeEndGate)
def _(_: object) -> Schema:
    return {"anyOf": [{"type": "string", "format": "date"}, MOMENT]}


@schema_of.register
def _(_: TagsGate) -> Schema:
    tag = schema_of(TextGate(max_length=100, blank=False))
    return {"type": "array", "items": tag, "maxItems": MAX_TAGS}


@schema_of.register
def _(gate: WholeNumberGate) -> Schema:
    return {"type": "integer", "minimum": gate.minimum, "maximum": gate.maximum}


@schema_of.register
def _(_: FlagGate) -> Schema:
    return {"type": "boolean"}


@schema_of.register
def _(gate: ChoiceGate) -> Schema:
    return {"type": "string", "enum": [choice.value for choice in gate.kind]}


@schema_of.register
def _(gate: AddressTypeGate) -> Schema:
    return {"type": "string", "enum": [*(choice.value for choice in gate.kind), ""]}


@schema_of.register
def _(_: LastFourGate) -> Schema:
    return {"type": "string", "pattern": "^([0-9]{4})?$"}


@schema_of.register
def _(gate: CountGate) -> Schema:
    return {"type": "integer", "minimum": gate.least}


@schema_of.register
def _(_: BooleanGate) -> Schema:
    return {"type": "boolean"}


@schema_of.register
def _(_: AddressGate) -> Schema:
    return schema_of(EmailGate())


@schema_of.register
def _(_: NumberGate) -> Schema:
    return {"type": "number"}


@schema_of.register
def _(_: TokenGate) -> Schema:
    return {"type": "string", "minLength": 1}


@schema_of.register(AnyTextGate)
@schema_of.register(CursorGate)
def _(_: object) -> Schema:
    return {"type": "string"}
