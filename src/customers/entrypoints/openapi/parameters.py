"""The parameters and response headers of routes, as OpenAPI describes them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from customers.core.errors import StaleVersion
from customers.entrypoints.http.parameters import Parameter
from customers.entrypoints.http.query import parameters_of
from customers.entrypoints.http.request import path_gate
from customers.entrypoints.http.routes import Route
from customers.entrypoints.openapi.examples import EXAMPLES
from customers.entrypoints.openapi.gate_schemas import TENANT, Schema, schema_of

_PART: Final = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "X-Request-Id": {
        "description": "The id in the request, or a new one; it also appears in the log.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The version, for `If-Match` and `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "Links to the next page and to others, where there are any (RFC 8288).",
        "schema": {"type": "string"},
    },
    "Location": {"description": "The path of the new resource.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Retry after this number of seconds.",
        "schema": {"type": "integer"},
    },
}
# The maximum length of a request line in the HTTP server.
_MAX_REQUEST_LINE: Final = 8_190
_PRINTABLE: Final = {"type": "string", "pattern": "^[ -~]*$"}
PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "The caller's id for the request, at most 128 characters.",
        "schema": _PRINTABLE | {"maxLength": 128},
    },
    "Tenant": {
        "name": "X-Tenant-ID",
        "in": "header",
        "description": "The tenant, unless the request names it elsewhere.",
        "schema": TENANT | {"pattern": "^[!-+.-~-]*$"},
        "example": EXAMPLES["tenantId"],
    },
    "TenantInQuery": {
        "name": "tenant_id",
        "in": "query",
        "description": "The tenant, unless the request names it elsewhere.",
        "schema": TENANT,
    },
    "Actor": {
        "name": "X-User-ID",
        "in": "header",
        "description": "The acting user, where nobody is authenticated; recorded if it is a UUID.",
        "schema": _PRINTABLE,
    },
    "Shopper": {
        "name": "X-User-ID",
        "in": "header",
        "description": "The shopper for whom a storefront service calls; where nobody is "
        "authenticated, the shopper who calls.",
        "schema": _PRINTABLE,
        "example": EXAMPLES["createdBy"],
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`handling=strict` refuses unknown keys in the body (RFC 7240).",
        "schema": _PRINTABLE,
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "ETags: the customer is only changed if its version is one of them.",
        "schema": _PRINTABLE,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "ETags: if the customer's version is one of them, the answer is 304.",
        "schema": _PRINTABLE,
    },
}


def path_of(route: Route) -> str:
    """The path of a route as OpenAPI writes it."""
    return _PART.sub(r"{\1}", route.address)


def describe_parameters(route: Route) -> Iterator[Schema]:
    """The parameters of a route: those of the path, the tenant, the query and the headers."""
    for name in _PART.findall(route.address):
        yield _path_parameter(name)
    if route.reads_tenant:
        yield from _references("Tenant", "TenantInQuery")
    yield from map(_query_parameter, parameters_of(route.query))
    if 304 in route.responses:
        yield from _references("IfNoneMatch")
    if StaleVersion in route.errors:
        yield from _references("IfMatch")
    if route.is_for_shoppers:
        yield from _references("Shopper")
    elif route.reads_tenant and route.method in ("POST", "PUT", "PATCH"):
        yield from _references("Actor")
    if route.body is not None:
        yield from _references("Prefer")
    yield from _references("RequestId")


def _references(*names: str) -> Iterator[Schema]:
    return ({"$ref": f"#/components/parameters/{name}"} for name in names)


def _path_parameter(name: str) -> Schema:
    example = EXAMPLES.get(name, EXAMPLES["id"])
    schema = schema_of(path_gate(name))
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query_parameter(parameter: Parameter) -> Schema:
    schema = schema_of(parameter.gate)
    if schema.get("maxLength", 0) > _MAX_REQUEST_LINE:
        del schema["maxLength"]  # the server refuses a longer line anyway
    if parameter.is_list:
        schema = {"type": "array", "items": schema}
    if parameter.default not in (None, "", ()):
        schema = schema | {"default": parameter.default}
    parameter_object: Schema = {"name": parameter.name, "in": "query", "schema": schema}
    if parameter.is_list:
        parameter_object |= {"style": "form", "explode": False}
    if parameter.is_required:
        parameter_object["required"] = True
    if parameter.description:
        parameter_object["description"] = parameter.description
    return parameter_object


def describe_headers(route: Route, status: int) -> dict[str, Schema]:
    """The headers of a response of a route."""
    names = ["X-Request-Id"]
    is_list = any(parameter.name == "cursor" for parameter in parameters_of(route.query))
    if status in (200, 304) and 304 in route.responses:
        names.append("ETag")
    if status == 200 and is_list:
        names.append("Link")
    if status == 201 and route.has_location:
        names.append("Location")
    if status in (429, 503):
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
