"""Random requests to every route: the service answers or refuses them in one of its error forms.

`tests.support.api_client` checks every answer. The requests are the same in every run; a profile of
hypothesis with more examples tries more of them.
"""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.api.segments import RULES_TEXTS
from tests.contract.api.tenants import a_full_customer, body_for
from tests.support.api_client import BASE, NOTHING, PROBLEM, Answer, Api
from tests.support.api_steps import an_unknown_id
from tests.support.body_targets import TARGETS

VALID = ["ACTIVE", "vip", "BOTH", "email", "inbound", "sent", "card", "US", "USD", "STATIC", "o-1"]
VALID += ["a@example.test", "2026-01-01T00:00:00Z", "1990-01-31", "12.50", "4111111111111111"]
NAMES = sorted(
    {name for target in TARGETS.values() for name in target.fields} | {"rules", "currency"}
)
PARAMETERS = "search status customer_type tags page page_size limit sort_by sort_order cursor "
PARAMETERS += "created_from created_to min_total_spent max_total_spent ids type direction mode "
PARAMETERS += "tenant_id tenantId sortBy pageSize"
HEADERS = (
    "X-Tenant-ID X-JWT-Claim-Tenant-ID X-JWT-Claim-Sub X-User-ID If-Match If-None-Match Prefer "
)
HEADERS += "Accept Content-Type Content-Encoding X-Request-Id Accept-Encoding Range Origin Cookie"
HEADER_VALUES = [
    '"1"',
    "*",
    'W/"1"',
    "handling=strict",
    PROBLEM,
    "application/json",
    "gzip",
    "deflate",
    "br",
]
METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PURGE".split()


@frozen
class AlmostValid:
    """A valid body of the route with some fields replaced."""

    wrong: dict[str, Any]


texts = st.text(st.characters(), max_size=8) | st.sampled_from(VALID) | st.just("x" * 300)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
numbers |= st.sampled_from(
    [Decimal("1E+400"), Decimal("-0"), Decimal("33.330000000000005"), 10**40]
)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(NAMES)
bodies = st.dictionaries(names | texts, values, max_size=6)
# Bodies that are almost valid, and rules.
almost_valid = st.builds(
    AlmostValid, st.dictionaries(names, st.sampled_from(VALID) | leaves, max_size=2)
)
written = st.sampled_from([f'{{"name":"a","rules":{rules}}}'.encode() for rules in RULES_TEXTS])
# Of ten ids seven exist, and one is well formed but unknown.
parts = st.tuples(st.integers(0, 9), texts)
# Control characters and unpaired surrogates cannot be sent in a header.
lines = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
calls = st.fixed_dictionaries(
    {
        "route": st.integers(0, 10_000),
        "method": st.sampled_from([None] * 30 + METHODS),
        "parts": st.lists(parts, min_size=3, max_size=3),
        "query": st.lists(
            st.tuples(st.sampled_from(PARAMETERS.split()) | texts, texts | numbers.map(str)),
            max_size=4,
        ),
        "headers": st.dictionaries(
            st.sampled_from(HEADERS.split()), st.sampled_from(HEADER_VALUES) | lines, max_size=1
        ),
        "body": almost_valid
        | almost_valid
        | almost_valid
        | bodies
        | values
        | written
        | st.binary()
        | st.just(NOTHING),
    }
)


def escaped(text: str) -> str:
    return quote(text.encode(errors="surrogatepass"), safe="")


async def send_call(api: Api, call: dict[str, Any], ids: dict[str, str]) -> Answer:
    """Sends a generated call; `ids` are the existing ids by their names in routes."""
    routes = list(api.app.router.routes())
    route = routes[call["route"] % len(routes)]
    picks, template = iter(call["parts"]), route.resource.canonical if route.resource else "/"

    def fill(name: re.Match[str]) -> str:
        chance, text = next(picks)
        value = ids[name[1]] if chance < 7 else an_unknown_id() if chance == 7 else text
        return escaped(value)

    query = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in call["query"])
    path = re.sub(r"\{(\w+)\}", fill, template) + (f"?{query}" if query else "")
    method = call["method"] or route.method
    body, headers = call["body"], {"X-User-ID": ids["shopperId"], **call["headers"]}
    if method == "HEAD":
        # A request refused before its method is known is answered with a body.
        body, headers = NOTHING, {**headers, "Content-Encoding": None}
    if isinstance(body, AlmostValid):
        suits = body_for(method, template, ids)
        body = {**(suits if isinstance(suits, dict) else {}), **body.wrong}
    return await api.send(method, path, body, headers=headers, base="")


class FuzzContract:
    @settings(derandomize=True, suppress_health_check=list(HealthCheck))
    @given(requests=st.lists(calls, min_size=1, max_size=5))
    async def test_any_request_is_answered_and_no_customer_is_lost(
        self, api: Api, requests: list[dict[str, Any]]
    ) -> None:
        caller = api.of_tenant(f"{api.tenant}-{an_unknown_id()}")
        ids = await a_full_customer(caller)
        statuses = [(await send_call(caller, call, ids)).status for call in requests]
        assert all(200 <= status < 500 for status in statuses)
        customers = await caller.get("/customers?page_size=100")
        assert customers.body["total"] == len(customers.body["customers"])
        assert (await caller.send("GET", "/customers/segments", base=BASE)).status == 200
