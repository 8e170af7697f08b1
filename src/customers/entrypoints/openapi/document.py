"""The OpenAPI 3.1 document of REST, made from the route tables: nothing in it is written twice."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

import yaml
from attrs import define, field

from customers.core.errors import (
    StaleVersion,
)
from customers.entrypoints.http import parameters
from customers.entrypoints.http.body import JSON, MERGE_PATCH
from customers.entrypoints.http.errors import PROBLEM_TYPE
from customers.entrypoints.http.queries import Parameter
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.openapi.errors import (
    problem_described,
    refusal_described,
    refusals_of,
)
from customers.entrypoints.openapi.examples import EXAMPLES, example_of
from customers.entrypoints.openapi.gate_schemas import Schema, schema_of
from customers.entrypoints.openapi.schemas import Schemas

_PART = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
_ABOUT: Final = """\
Who the customers of a marketplace are, what they bought, which segments they are in, and why.

- **Tenant**: every call but the probes names its tenant, in `X-Tenant-ID`, `x-jwt-claim-tenant-id`,
  the query's `tenant_id` or the body's `tenantId`; where several do, they must agree.
- **Money** is an exact decimal and a JSON number; a numeric string is accepted too.
- **Moments** are RFC 3339 with an offset; they are shown in UTC.
- **Names** of query parameters are accepted in camelCase too, values of enumerations in any case.
- **Unknown keys** of a body are ignored, unless the call says `Prefer: handling=strict`.
- **Errors** carry a `message` for people, a `code` for programs and, for bad input, one entry per
  bad field. `Accept: application/problem+json` gets RFC 9457. Unknown paths are 404, wrong methods
  405 with `Allow`; `HEAD` works wherever `GET` does.
"""
_HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "X-Request-Id": {
        "description": "The caller's, or a new one; it stands in the log too.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}},
    "Link": {"description": "The next stretch or page (RFC 8288).", "schema": {"type": "string"}},
    "Location": {"description": "Where the new one is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "In so many seconds.", "schema": {"type": "integer"}},
}
# Of a request, by the HTTP server.
_LONGEST_LINE: Final = 8_190
_PRINTABLE: Final = {"type": "string", "pattern": "^[ -~]*$"}
_ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id of the caller's own for the request, of at most 128 characters.",
        "schema": _PRINTABLE | {"maxLength": 128},
    },
    "Tenant": {
        "name": "X-Tenant-ID",
        "in": "header",
        "description": "The tenant, unless it is named elsewhere.",
        "schema": _PRINTABLE | {"maxLength": 255},
        "example": EXAMPLES["tenantId"],
    },
    "TenantInQuery": {
        "name": "tenant_id",
        "in": "query",
        "description": "The tenant, unless it is named elsewhere.",
        "schema": {"type": "string", "maxLength": 255},
    },
    "Actor": {
        "name": "X-User-ID",
        "in": "header",
        "description": "Who acts; kept where it is a UUID and what is done says by whom.",
        "schema": _PRINTABLE,
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`handling=strict` refuses unknown keys of the body (RFC 7240).",
        "schema": _PRINTABLE,
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "ETags; only a customer of one of those versions is changed.",
        "schema": _PRINTABLE,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "ETags; of a customer of one of those versions nothing is sent.",
        "schema": _PRINTABLE,
    },
}


def document(
    tables: Mapping[str, Sequence[Route]],
    *,
    version: str,
    title: str = "Customers service",
    about: str = _ABOUT,
) -> dict[str, Any]:
    """The document of route tables by their names, as plain JSON values."""
    info = {"title": title, "version": version, "description": about}
    made: dict[str, Any] = json.loads(json.dumps(_Document(tables, info).made()))
    return made


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_yaml(document: Mapping[str, Any]) -> str:
    written: str = yaml.dump(
        document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100
    )
    return written


class _Plain(yaml.SafeDumper):
    """Says what stands twice twice."""

    def ignore_aliases(self, _: object) -> bool:
        return True


@define
class _Document:
    _tables: Mapping[str, Sequence[Route]]
    _info: Mapping[str, str]
    _schemas: Schemas = field(factory=Schemas, init=False)
    _refusals: dict[str, Any] = field(factory=dict, init=False)

    def made(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for tag, routes in self._tables.items():
            for route in routes:
                operation = self._operation(route, tag)
                paths.setdefault(_path(route), {})[route.method.lower()] = operation
        return {
            "openapi": "3.1.0",
            "info": self._info,
            "servers": [{"url": "/"}],
            "tags": [{"name": tag} for tag in self._tables],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.components.items())),
                "parameters": _ASKED,
                "headers": _HEADERS,
                "responses": dict(sorted(self._refusals.items())),
            },
        }

    def _operation(self, route: Route, tag: str) -> dict[str, Any]:
        summary, _, more = cleandoc(route.handler.__doc__ or "").partition("\n\n")
        operation: dict[str, Any] = {
            "operationId": route.operation,
            "tags": [tag],
            "summary": summary,
        }
        if more:
            operation["description"] = " ".join(more.split())
        operation["parameters"] = list(_parameters(route))
        if route.body is not None:
            operation["requestBody"] = self._body(route.body)
        operation["responses"] = dict(sorted(self._responses(route)))
        return operation

    def _body(self, body: Body) -> dict[str, Any]:
        schema = self._schemas.of_body(body)
        example = example_of(schema, self._schemas.components)
        content = {"schema": schema, "example": example}
        kinds = [JSON] if body.nulls is Nulls.ABSENT else [JSON, MERGE_PATCH]
        return {"required": body.is_required, "content": dict.fromkeys(kinds, content)}

    def _responses(self, route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
        for status, shape in route.answers.items():
            yield str(status), self._answer(route, status, shape)
        for status, refusals in refusals_of(route).items():
            name = route.form.value.title() + "".join(_title(each.code) for each in refusals)
            if name not in self._refusals:
                described = refusal_described(refusals, route.form, self._schemas)
                self._refusals[name] = {**described, "headers": _headers(route, status)}
            yield str(status), {"$ref": f"#/components/responses/{name}"}

    def _answer(self, route: Route, status: int, shape: Any) -> dict[str, Any]:
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        response["headers"] = _headers(route, status)
        if shape is str:
            response["content"] = {"text/plain": {"schema": {"type": "string"}}}
        elif shape is not None:
            schema = self._schemas.of_answer(shape)
            example = example_of(schema, self._schemas.components)
            response["content"] = {JSON: {"schema": schema, "example": example}}
        if shape is not None and status >= 400:
            response["content"][PROBLEM_TYPE] = problem_described([], self._schemas)
        return response


def _title(code: str) -> str:
    return code.title().replace("_", "")


def _path(route: Route) -> str:
    return _PART.sub(r"{\1}", route.address)


def _parameters(route: Route) -> Iterator[Schema]:
    for name in _PART.findall(route.address):
        yield _path_parameter(name)
    if route.is_of_tenant:
        yield from _references("Tenant", "TenantInQuery")
    yield from map(_query_parameter, route.query)
    if 304 in route.answers:
        yield from _references("IfNoneMatch")
    if StaleVersion in route.refuses:
        yield from _references("IfMatch")
    if route.is_of_tenant and route.method in ("POST", "PUT", "PATCH"):
        yield from _references("Actor")
    if route.body is not None:
        yield from _references("Prefer")
    yield from _references("RequestId")


def _references(*names: str) -> Iterator[Schema]:
    return ({"$ref": f"#/components/parameters/{name}"} for name in names)


def _path_parameter(name: str) -> Schema:
    gate = parameters.ORDER_ID if name == "orderId" else parameters.ID
    example = EXAMPLES.get(name, EXAMPLES["id"])
    schema = schema_of(gate)
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query_parameter(parameter: Parameter) -> Schema:
    schema = schema_of(parameter.gate)
    if schema.get("maxLength", 0) > _LONGEST_LINE:
        del schema["maxLength"]  # what is longer never comes so far
    if parameter.is_list:
        schema = {"type": "array", "items": schema}
    if parameter.default not in (None, ""):
        schema = schema | {"default": parameter.default}
    told: Schema = {"name": parameter.name, "in": "query", "schema": schema}
    if parameter.is_list:
        told |= {"style": "form", "explode": False}
    if parameter.is_required:
        told["required"] = True
    return told | ({"description": parameter.says} if parameter.says else {})


def _headers(route: Route, status: int) -> dict[str, Schema]:
    names = ["X-Request-Id"]
    if status in (200, 304) and 304 in route.answers:
        names.append("ETag")
    if status == 200 and parameters.CURSOR in route.query:
        names.append("Link")
    if status == 201 and route.is_located:
        names.append("Location")
    if status == 503:
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
