"""Types to JSON schemas: what bodies may hold from the core's values, what answers are from shapes.

Each type that has a name becomes a component of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_shape
from uuid import UUID

import attrs

from customers.core.model.money import CurrencyCode, Money
from customers.core.model.order import OrderDate, RefundAmount
from customers.core.model.rules.fields import Field, Operator
from customers.core.model.rules.tree import Logic
from customers.core.model.segment import RulesText
from customers.core.model.values import Tenant, Unset
from customers.entrypoints.http.routes import Body
from customers.entrypoints.json.decode import Nulls, camel
from customers.entrypoints.openapi.examples import EXAMPLES
from customers.entrypoints.openapi.gate_schemas import (
    AMOUNT,
    MOMENT,
    MORE_THAN_NOTHING,
    Schema,
    schema_of,
)

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: MOMENT,
    NoneType: {"type": "null"},
    Any: {},
    Money: AMOUNT,
    RefundAmount: AMOUNT | {"exclusiveMinimum": 0, "pattern": MORE_THAN_NOTHING},
    CurrencyCode: {
        "type": "string",
        "description": "Only the currency kept here; absent means it.",
    },
    OrderDate: MOMENT | {"description": "Absent is now; at most a day in the future."},
}
_RULES: Schema = {
    "description": "A tree of conditions: a group, a bare list of conditions that must all hold, "
    "or a string that holds either as JSON. Other spellings of the names are accepted too.",
    "anyOf": [
        {"$ref": "#/components/schemas/RuleGroup"},
        {"type": "array", "items": {"$ref": "#/components/schemas/RuleMember"}},
        {"type": "object"},
        {"type": "string"},
    ],
}
_RULE_PARTS: dict[str, Schema] = {
    "RuleGroup": {
        "type": "object",
        "properties": {
            "logic": {"type": "string", "enum": list(Logic), "default": "AND"},
            "conditions": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/RuleMember"},
                "maxItems": 100,
            },
        },
        "required": ["conditions"],
    },
    "RuleCondition": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "enum": list(Field)},
            "operator": {"type": "string", "enum": list(Operator)},
            "value": {"description": "What the operator takes; none for is_empty and its like."},
        },
        "required": ["field", "operator"],
    },
    "RuleMember": {
        "anyOf": [
            {"$ref": "#/components/schemas/RuleCondition"},
            {"$ref": "#/components/schemas/RuleGroup"},
        ]
    },
}


_ANNOTATIONS = ("description", "default")


class Schemas:
    """Makes schemas, and gathers the components that they refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of_body(self, body: Body) -> Schema:
        """What a body may hold, the tenant included."""
        name = _name_of(body)
        if name not in self.components:
            fields = attrs.fields(body.kind)
            hints = get_type_hints(body.kind, include_extras=True)
            properties = {
                camel(each.name): self._property(each, hints[each.name], body.nulls)
                for each in fields
            }
            required = [camel(each.name) for each in fields if each.default is attrs.NOTHING]
            tenant = self.of_type(Tenant) | {"description": "As good a place as the header."}
            self._keep(name, {**properties, "tenantId": tenant}, required, None)
        return _reference(name)

    def of_answer(self, shape: Any) -> Schema:
        """What an answer is; several shapes in a tuple are alternatives."""
        if isinstance(shape, tuple):
            return {"anyOf": [self.of_type(each) for each in shape]}
        return self.of_type(shape)

    def of_type(self, kind: Any) -> Schema:
        """Raises TypeError for a type that nothing is known of."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind is RulesText:
            self.components |= _RULE_PARTS
            return dict(_RULES)
        if is_shape(kind):
            return self._of_shape(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._of_choice(kind)
        return self._of_generic(kind)

    def _of_shape(self, shape: Any) -> Schema:
        name = shape.__name__
        if name not in self.components:
            self.components[name] = {}  # a shape may hold itself
            hints = get_type_hints(shape, include_extras=True)
            names = sorted(hints, key=lambda each: each not in shape.__required_keys__)
            properties = {each: self._example(each, self.of_type(hints[each])) for each in names}
            required = [each for each in names if each in shape.__required_keys__]
            self._keep(name, properties, required, shape.__doc__)
        return _reference(name)

    def _of_choice(self, kind: type[Enum]) -> Schema:
        self.components[kind.__name__] = {"type": "string", "enum": [each.value for each in kind]}
        return _reference(kind.__name__)

    def _of_generic(self, kind: Any) -> Schema:
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._of_annotated(*parts)
        if origin is NotRequired:
            return self.of_type(parts[0])
        if origin is Literal:
            return {"enum": list(parts)} if len(parts) > 1 else {"const": parts[0]}
        if origin in (Union, UnionType):
            return _any_of([self.of_type(each) for each in parts if each is not Unset])
        if origin in (list, Sequence):
            return {"type": "array", "items": self.of_type(parts[0])}
        if origin in (Mapping, dict):
            return {"type": "object", "additionalProperties": self.of_type(parts[1])}
        raise TypeError(f"no schema is known for {kind!r}: add one here")

    def _of_annotated(self, kind: Any, said: Any) -> Schema:
        """A gate says what it lets through, a text is for people."""
        if not isinstance(said, str):
            return schema_of(said)
        return {**self.of_type(kind), "description": said}

    def _property(self, field: "attrs.Attribute[Any]", hint: Any, nulls: Nulls) -> Schema:
        schema = _without_null(self.of_type(hint))
        if nulls is Nulls.ABSENT:
            takes_null = field.default is not attrs.NOTHING
        else:
            takes_null = "empty" in field.metadata
        if isinstance(field.default, StrEnum | str | bool | int):
            schema["default"] = field.default
        return self._example(camel(field.name), _or_null(schema) if takes_null else schema)

    @staticmethod
    def _example(name: str, schema: Schema) -> Schema:
        return schema | {"examples": [EXAMPLES[name]]} if name in EXAMPLES else schema

    def _keep(
        self, name: str, properties: Mapping[str, Schema], required: list[str], doc: str | None
    ) -> None:
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if doc and not doc.startswith(name):  # attrs and typing write none that says anything
            schema["description"] = " ".join(doc.split())
        self.components[name] = schema


def _name_of(body: Body) -> str:
    name = body.kind.__name__
    return name.replace("Change", "Patch") if body.nulls is Nulls.CLEAR else name


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _any_of(schemas: list[Schema]) -> Schema:
    """One of them; plain types are named in one list."""
    if len(schemas) == 1:
        return schemas[0]
    if schemas[1:] == [_PLAIN[NoneType]]:
        return _or_null(schemas[0])
    return {"anyOf": schemas}


def _or_null(schema: Schema) -> Schema:
    kind = schema.get("type")
    if not isinstance(kind, str) or kind == "null":
        said: Schema = {key: schema[key] for key in _ANNOTATIONS if key in schema}
        rest = {key: value for key, value in schema.items() if key not in said}
        return {"anyOf": [rest, {"type": "null"}], **said}
    nullable = {**schema, "type": [kind, "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def _without_null(schema: Schema) -> Schema:
    """The schema of a field, whose own None only means that it was not given."""
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        return {**schema, "type": kinds[0]}
    members = schema.get("anyOf", [])
    if {"type": "null"} in members:
        kept = [each for each in members if each != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**(kept[0] if len(kept) == 1 else {"anyOf": kept}), **rest}
    return schema
