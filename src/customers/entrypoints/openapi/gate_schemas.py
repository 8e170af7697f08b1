"""What a gate of the model lets through, as a JSON schema (draft 2020-12).

A schema says what a value must look like; a gate may take more than that: another letter case,
white space around a text, a number as a string. Nobody needs to send those.
"""

from functools import singledispatch
from typing import Any

from customers.core.model.address import AddressTypeGate
from customers.core.model.money import MAX_AMOUNT
from customers.core.model.payment import LastFourGate
from customers.core.model.values import (
    MAX_TAGS,
    ChoiceGate,
    CountryCodeGate,
    DayGate,
    EmailGate,
    FlagGate,
    IdGate,
    IdsGate,
    MomentGate,
    PhoneGate,
    TagsGate,
    TextGate,
    VisibleGate,
    WholeNumberGate,
)
from customers.entrypoints.http.parameters import ExactNumber, RangeEnd
from customers.entrypoints.http.queries import Count

Schema = dict[str, Any]

# A number, or a text that holds one, which no caller's floating point can spoil.
AMOUNT: Schema = {
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": float(MAX_AMOUNT),
    "pattern": r"^[0-9]+(\.[0-9]+)?$",
}
MORE_THAN_NOTHING = r"^([0-9]*[1-9][0-9]*(\.[0-9]+)?|[0-9]+\.[0-9]*[1-9][0-9]*)$"
MOMENT: Schema = {"type": "string", "format": "date-time"}


@singledispatch
def schema_of(gate: object) -> Schema:
    """Raises TypeError for a gate that nothing is known of."""
    raise TypeError(f"no schema is known for {gate!r}: add one here")


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
def _(gate: VisibleGate) -> Schema:
    return {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": gate.max_length}


@schema_of.register
def _(_: MomentGate) -> Schema:
    return MOMENT


@schema_of.register(DayGate)
@schema_of.register(RangeEnd)
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
    return {"type": "string", "enum": [each.value for each in gate.kind]}


@schema_of.register
def _(gate: AddressTypeGate) -> Schema:
    return {"type": "string", "enum": [*(each.value for each in gate.kind), ""]}


@schema_of.register
def _(_: LastFourGate) -> Schema:
    return {"type": "string", "pattern": "^([0-9]{4})?$"}


@schema_of.register
def _(gate: Count) -> Schema:
    return {"type": "integer", "minimum": gate.least}


@schema_of.register
def _(_: ExactNumber) -> Schema:
    return {"type": "number"}
