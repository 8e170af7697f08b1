"""The OpenAPI 3.1 document of the REST interface, made from the routes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

import yaml
from attrs import define, field

from customers.core.model.principal import PrincipalKind
from customers.entrypoints.http.body import JSON, MERGE_PATCH
from customers.entrypoints.http.body_sizes import size_text
from customers.entrypoints.http.errors import PROBLEM_TYPE
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.json.decode import Nulls
from customers.entrypoints.openapi.errors import describe_errors, describe_problem, errors_of
from customers.entrypoints.openapi.examples import example_of
from customers.entrypoints.openapi.parameters import (
    HEADERS,
    PARAMETERS,
    describe_headers,
    describe_parameters,
    path_of,
)
from customers.entrypoints.openapi.schemas import Schemas

_ABOUT: Final = """\
The customers of a marketplace: who they are, what they bought, which segments they are in, and why.

- **Tenant**: every request, except to the probes and to `verifyEmail`, names its tenant in
  `X-Tenant-ID`, `x-jwt-claim-tenant-id`, the query parameter `tenant_id` or the body's `tenantId`.
  If several of them are present, they must agree. The id of a tenant has 1 to 255 visible ASCII
  characters other than the comma; it is neither trimmed nor case-folded.
- **Access**: where callers are authenticated, an operation needs the permission in its
  `x-permission`. A caller sends `Authorization: Bearer` with a token or an API key, or comes
  through a gateway that has verified the claims it sends. Callers who may act for only one tenant
  need not name it; for any other tenant, the answer is 403. Operations with `x-permission: shopper`
  (and `x-principal: shopper`) are for shoppers: people without any permission, who see and change
  only what is their own. A storefront behind the gateway names them in `X-User-Id`.
- **Money** is an exact decimal, as a JSON number; a numeric string is also accepted.
- **Timestamps** are RFC 3339 with an offset; responses use UTC.
- **Query parameters** can also be written in camelCase, enumeration values in any case.
- **Unknown keys** in a body are ignored, unless the request has `Prefer: handling=strict`.
- **Errors** have a `message` for people, a `code` for programs and, for invalid input, one entry in
  `details` per invalid field. `Accept: application/problem+json` selects RFC 9457. Unknown paths
  answer 404, wrong methods 405 with `Allow`. `HEAD` is supported wherever `GET` is.
"""
_SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A JSON Web Token of the identity provider, or an API key.",
    },
    "gateway": {
        "type": "apiKey",
        "in": "header",
        "name": "x-jwt-claim-sub",
        "description": "Claims that a gateway has verified. They only count if the request comes "
        "from one of the gateway's addresses.",
    },
    "storefront": {
        "type": "apiKey",
        "in": "header",
        "name": "X-User-Id",
        "description": "The shopper for whom a storefront calls, which names itself in "
        "`X-Internal-Service`. It only counts if the request comes from one of the gateway's "
        "addresses.",
    },
}
_Security = Sequence[Mapping[str, Sequence[str]]]
_SHOPPERS: Final[_Security] = tuple({name: ()} for name in _SECURITY_SCHEMES)
# The empty one is for deployments that authenticate nobody, or have public metrics.
_STAFF: Final[_Security] = ({"bearer": ()}, {"gateway": ()}, {})


def document(
    tables: Mapping[str, Sequence[Route]],
    *,
    version: str,
    title: str = "Customers service",
    about: str = _ABOUT,
) -> dict[str, Any]:
    """The document as plain JSON values; `tables` has the routes of each tag."""
    info = {"title": title, "version": version, "description": about}
    values: dict[str, Any] = json.loads(json.dumps(_Document(tables, info).build()))
    return values


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes no anchors and aliases: a value that occurs twice is written twice."""

    def ignore_aliases(self, _: object) -> bool:
        return True


@define
class _Document:
    _tables: Mapping[str, Sequence[Route]]
    _info: Mapping[str, str]
    _schemas: Schemas = field(factory=Schemas, init=False)
    _error_responses: dict[str, Any] = field(factory=dict, init=False)

    def build(self) -> dict[str, Any]:
        paths = self._paths()
        return {
            "openapi": "3.1.0",
            "info": self._info,
            "servers": [{"url": "/"}],
            "tags": [{"name": tag} for tag in self._tables],
            "paths": paths,
            "components": self._components(),
        }

    def _paths(self) -> dict[str, dict[str, Any]]:
        paths: dict[str, dict[str, Any]] = {}
        for tag, routes in self._tables.items():
            for route in routes:
                operation = self._operation(route, tag)
                paths.setdefault(path_of(route), {})[route.method.lower()] = operation
        return paths

    def _components(self) -> dict[str, Any]:
        """The components that the paths refer to. `_paths` collects them, so call that first."""
        return {
            "schemas": dict(sorted(self._schemas.components.items())),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": dict(sorted(self._error_responses.items())),
            "securitySchemes": _SECURITY_SCHEMES,
        }

    def _operation(self, route: Route, tag: str) -> dict[str, Any]:
        summary, _, description = cleandoc(route.handler.__doc__ or "").partition("\n\n")
        operation: dict[str, Any] = {"operationId": route.operation, "tags": [tag]}
        operation["summary"] = summary
        if description:
            operation["description"] = " ".join(description.split())
        operation["parameters"] = list(describe_parameters(route))
        if route.body is not None:
            description = f"At most {size_text(route.body_limit)}."
            operation["requestBody"] = {"description": description, **self._body(route.body)}
        operation["responses"] = dict(sorted(self._responses(route)))
        return operation | _access_of(route)

    def _body(self, body: Body) -> dict[str, Any]:
        schema = self._schemas.of_body(body)
        content = {"schema": schema, "example": example_of(schema, self._schemas.components)}
        kinds = [body.media_type] if body.nulls is Nulls.ABSENT else [JSON, MERGE_PATCH]
        return {"required": body.is_required, "content": dict.fromkeys(kinds, content)}

    def _responses(self, route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
        for status, shape in route.responses.items():
            yield str(status), self._response(route, status, shape)
        for status, errors in errors_of(route).items():
            codes = "".join(_title(error.code) for error in errors)
            name = route.error_format.value.title() + codes
            if name not in self._error_responses:
                response = describe_errors(errors, route.error_format, self._schemas)
                self._error_responses[name] = {
                    **response,
                    "headers": describe_headers(route, status),
                }
            yield str(status), {"$ref": f"#/components/responses/{name}"}

    def _response(self, route: Route, status: int, shape: Any) -> dict[str, Any]:
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        response["headers"] = describe_headers(route, status)
        if shape is str:
            response["content"] = {"text/plain": {"schema": {"type": "string"}}}
        elif shape is not None:
            schema = self._schemas.of_response(shape)
            example = example_of(schema, self._schemas.components)
            response["content"] = {JSON: {"schema": schema, "example": example}}
        if shape is not None and status >= 400:
            response["content"][PROBLEM_TYPE] = describe_problem([], self._schemas)
        return response


def _access_of(route: Route) -> dict[str, Any]:
    """The keys that say who may call a route, and how a caller shows who it is."""
    if route.is_for_shoppers:
        shopper = PrincipalKind.SHOPPER.value
        return {"security": _SHOPPERS, "x-principal": shopper, "x-permission": shopper}
    if route.permission is None:
        return {"security": ()}
    others = _permission_by_query(route) | _permission_by_body(route)
    return {"security": _STAFF, "x-permission": route.permission, **others}


def _permission_by_query(route: Route) -> dict[str, Any]:
    if (other := route.query_permission) is None:
        return {}
    name = f"{other.parameter}={other.value}"
    return {"x-permission-by-query": {name: other.permission}}


def _permission_by_body(route: Route) -> dict[str, Any]:
    if (other := route.body_permission) is None:
        return {}
    return {"x-permission-by-body": {other.field: other.permission}}


def _title(code: str) -> str:
    return code.title().replace("_", "")
