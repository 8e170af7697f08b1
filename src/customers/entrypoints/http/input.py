"""Reads the body and the query of a request as its route declares them.

A handler is only called with complete, typed input. All problems of the input, those of the tenant
and the path included, are reported at once, but those of a `precheck` alone.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args, get_type_hints

from aiohttp import web
from attrs import AttrsInstance, frozen

from customers.core.errors import Invalid, Problem
from customers.core.model.cards import card_numbers_of_person
from customers.core.model.problems import Problems
from customers.core.model.segment import RulesText
from customers.entrypoints.http.query import parameters_of, reader_of
from customers.entrypoints.http.raw_json import member_text
from customers.entrypoints.http.request import Deployment, RequestContext
from customers.entrypoints.http.routes import Body, Handler, Route
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.json.parse import NOT_AN_OBJECT

_TENANT_KEYS: Final = frozenset({"tenantId"})


@frozen
class Nothing:
    """The class, without fields, of a body that its route does not use."""


_UNNEEDED: Final = Body(Nothing, is_required=False)


def with_input(route: Route, decoder: Decoder) -> Handler:
    """A handler that reads the input of a request, then calls the handler of the route."""
    reader, handler, on_invalid = InputReader(route, decoder), route.handler, route.on_invalid
    has_cursors = any(parameter.name == "cursor" for parameter in parameters_of(route.query))

    async def handle(context: RequestContext) -> web.Response:
        if has_cursors:
            await context.deployment.cursor_keys.load()
        try:
            arguments = reader.read(context)
        except Invalid:
            if on_invalid is not None:
                on_invalid()
            if route.owner_check is not None:
                await route.owner_check(context)
            raise
        return await handler(context, *arguments)

    return handle


class InputReader:
    """Reads the input of one route."""

    def __init__(self, route: Route, decoder: Decoder) -> None:
        self._body = _body_reader(route, decoder)
        self._passes_body = route.body is not None and route.body.decoded
        self._query = None if route.query is None else reader_of(route.query)

    def read(self, context: RequestContext) -> Sequence[Any]:
        """The body and the query, as far as the route declares them. Raises Invalid with the
        problems of tenant, path, body and query, in this order.
        """
        arguments: list[Any] = []
        if self._body is not None:
            body = self._body.read(context)
            if self._passes_body:
                arguments.append(body)
        if self._query is not None:
            arguments.append(self._query.read(context))
        context.problems.raise_if_any()
        return arguments


class BodyReader:
    """Reads bodies of one kind."""

    def __init__(self, body: Body, decoder: Decoder) -> None:
        self._body = body
        self._decoder = decoder
        self._has_rules = has_rules(body.kind)

    def read(self, context: RequestContext) -> AttrsInstance | None:
        """The body. None if it is absent but not required, or if it is invalid: then its problems
        are added to those of the context. Raises Invalid for what the precheck refuses.
        """
        body = self._body
        self._check(context.body, context.deployment)
        if context.body is None and not body.is_required:
            return None
        values = _with_rules_text(context) if self._has_rules else context.body
        problems, decoded = context.problems, None
        try:
            decoded = self._decode(values, is_strict=context.is_strict)
        except Invalid as error:
            problems.extend(error.problems)
        if problems:
            problems.extend(self._rule_problems(values, context))
        return decoded

    def read_part(
        self, values: Mapping[str, Any], deployment: Deployment, *, is_strict: bool
    ) -> AttrsInstance:
        """A part of a request's body that is read as if it were a body of its own. Raises Invalid,
        alone for what the precheck refuses.
        """
        self._check(values, deployment)
        return self._decode(values, is_strict=is_strict)

    def _check(self, values: object, deployment: Deployment) -> None:
        """Raises Invalid for what the precheck refuses."""
        if (precheck := self._precheck(deployment)) is not None:
            Problems(precheck(values)).raise_if_any()

    def _precheck(self, deployment: Deployment) -> Callable[[object], Sequence[Problem]] | None:
        if self._body.describes_person and deployment.refuses_card_numbers:
            return card_numbers_of_person
        return self._body.precheck

    def _decode(self, values: Mapping[str, Any] | None, *, is_strict: bool) -> AttrsInstance:
        if values is None:
            raise Invalid.at("", "REQUIRED", NOT_AN_OBJECT)
        allowed = _TENANT_KEYS | self._body.ignored if is_strict else None
        return self._decoder.decode(
            self._body.kind, values, nulls=self._body.nulls, allowed=allowed
        )

    def _rule_problems(
        self, values: Mapping[str, Any] | None, context: RequestContext
    ) -> Sequence[Problem]:
        """The problems with the rules of a request that has other problems too.

        The rules of a request without other problems are checked by the use case.
        """
        rules = (values or {}).get("rules") if self._has_rules else None
        if values is None or rules is None:
            return ()
        is_static = str(values.get("segmentType")).upper() == "STATIC"
        is_dynamic = not (is_static or values.get("isDynamic") is False)
        try:
            rules.rule(is_dynamic=is_dynamic, strict=context.is_strict)
        except Invalid as error:
            return error.problems
        return ()


def _body_reader(route: Route, decoder: Decoder) -> BodyReader | None:
    """The reader of a route's body; None if the body is not read before the handler is called."""
    if route.body is not None:
        return BodyReader(route.body, decoder) if route.body.decoded else None
    # With strict handling, only `tenantId` is allowed in a body that the route does not use.
    is_checked = route.is_of_tenant and route.method != "GET"
    return BodyReader(_UNNEEDED, decoder) if is_checked else None


@cache
def has_rules(kind: type[AttrsInstance]) -> bool:
    """Whether bodies of this class hold rules, whose JSON text is kept as it was sent."""
    hint = get_type_hints(kind, include_extras=True).get("rules")
    return RulesText in (hint, *get_args(hint))


def _with_rules_text(context: RequestContext) -> Mapping[str, Any] | None:
    """The body, in which the rules carry their own JSON text, as it was sent."""
    body = context.body
    if body is None or "rules" not in body:
        return body
    text = member_text(context.raw.decode(), "rules")
    return {**body, "rules": RulesText(text=text, value=body["rules"])}
