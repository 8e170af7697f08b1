"""JSON schemas of types: request bodies are attrs classes, response bodies are shapes.

Each named type becomes a component.
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
from customers.core.model.tenant import Tenant
from customers.core.model.values import Unset
from customers.entrypoints.http.routes import Body
from customers.entrypoints.json.decode import Nulls, camel
from customers.entrypoints.openapi.examples import EXAMPLES
from customers.entrypoints.openapi.gate_schemas import AMOUNT, MOMENT, POSITIVE, Schema, schema_of

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
    RefundAmount: AMOUNT | {"exclusiveMinimum": 0, "pattern": POSITIVE},
    CurrencyCode: {
        "type": "string",
        "description": "The currency of this deployment, which is also the default.",
    },
    OrderDate: MOMENT
    | {"description": "At most one day in the future; the default is the current time."},
}
_RULES: Schema = {
    "description": "A tree of conditions: a group, a list of conditions that must all match, or a "
    "string that contains either as JSON. Other spellings of the names are also accepted.",
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
            "value": {"description": "The operand; operators such as is_empty have none."},
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
    """Makes schemas, and collects the components that they refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of_body(self, body: Body) -> Schema:
        """The schema of a request body, with the key `tenantId`."""
        name, kind = _name_of(body), body.described_as or body.kind
        if name not in self.components:
            fields, hints = attrs.fields(kind), get_type_hints(kind, include_extras=True)
            properties = {
                camel(field.name): self._property(field, hints[field.name], body.nulls)
                for field in fields
            }
            required = [camel(field.name) for field in fields if field.default is attrs.NOTHING]
            description = {"description": "The tenant, unless the request names it elsewhere."}
            properties["tenantId"] = self.of_type(Tenant) | description
            self._add(name, properties, required, None)
        return _reference(name)

    def of_response(self, shape: Any) -> Schema:
        """The schema of a response body; a tuple holds alternative shapes."""
        if isinstance(shape, tuple):
            return {"anyOf": [self.of_type(alternative) for alternative in shape]}
        return self.of_type(shape)

    def of_type(self, kind: Any) -> Schema:
        """The schema of a type. Raises TypeError for an unknown type."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind is RulesText:
            self.components |= _RULE_PARTS
            return dict(_RULES)
        if is_shape(kind):
            return self._of_shape(kind)
        if attrs.has(kind):
            return self.of_body(Body(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._of_choice(kind)
        return self._of_generic(kind)

    def _of_shape(self, shape: Any) -> Schema:
        name = shape.__name__
        if name not in self.components:
            self.components[name] = {}  # a shape may contain itself
            hints = get_type_hints(shape, include_extras=True)
            keys = sorted(hints, key=lambda key: key not in shape.__required_keys__)
            properties = {key: self._example(key, self.of_type(hints[key])) for key in keys}
            required = [key for key in keys if key in shape.__required_keys__]
            self._add(name, properties, required, shape.__doc__)
        return _reference(name)

    def _of_choice(self, kind: type[Enum]) -> Schema:
        values = [choice.value for choice in kind]
        self.components[kind.__name__] = {"type": "string", "enum": values}
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
            return _any_of([self.of_type(part) for part in parts if part is not Unset])
        if origin in (list, Sequence):
            return {"type": "array", "items": self.of_type(parts[0])}
        if origin in (Mapping, dict):
            return {"type": "object", "additionalProperties": self.of_type(parts[1])}
        raise TypeError(f"no schema for {kind!r}: add one in {__name__}")

    def _of_annotated(self, kind: Any, annotation: Any) -> Schema:
        """The schema of the gate, if the annotation is one; else of the type, which the annotation
        describes.
        """
        if not isinstance(annotation, str):
            return schema_of(annotation)
        return {**self.of_type(kind), "description": annotation}

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

    def _add(
        self, name: str, properties: Mapping[str, Schema], required: list[str], doc: str | None
    ) -> None:
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if doc and not doc.startswith(name):  # a generated docstring begins with the name
            schema["description"] = " ".join(doc.split())
        self.components[name] = schema


def _name_of(body: Body) -> str:
    name = (body.described_as or body.kind).__name__
    return name.replace("Change", "Patch") if body.nulls is Nulls.CLEAR else name


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _any_of(schemas: list[Schema]) -> Schema:
    """The schema of a union. If null is the second of two parts, the first one also allows null."""
    if len(schemas) == 1:
        return schemas[0]
    if schemas[1:] == [_PLAIN[NoneType]]:
        return _or_null(schemas[0])
    return {"anyOf": schemas}


def _or_null(schema: Schema) -> Schema:
    kind = schema.get("type")
    if not isinstance(kind, str) or kind == "null":
        annotations: Schema = {key: schema[key] for key in _ANNOTATIONS if key in schema}
        rest = {key: value for key, value in schema.items() if key not in annotations}
        return {"anyOf": [rest, {"type": "null"}], **annotations}
    nullable = {**schema, "type": [kind, "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def _without_null(schema: Schema) -> Schema:
    """The schema without null: whether a body may have null does not follow from a field's type."""
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        return {**schema, "type": kinds[0]}
    members = schema.get("anyOf", [])
    if {"type": "null"} in members:
        others = [member for member in members if member != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**(others[0] if len(others) == 1 else {"anyOf": others}), **rest}
    return schema
