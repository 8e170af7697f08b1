"""Anything at all, sent to every route: the service refuses it in one of its forms or answers.

`tests.support.api_client` checks what every answer promises. The requests are the same
ones in every run; a profile of hypothesis with more examples tries more of them.
"""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.api.segments import WRITTEN
from tests.contract.api.steps import an_unknown_id
from tests.contract.api.targets import TARGETS
from tests.contract.api.tenants import a_household, body_for
from tests.support.api_client import BASE, NOTHING, PROBLEM, Answer, Api

GOOD = ["ACTIVE", "vip", "BOTH", "email", "inbound", "sent", "card", "US", "USD", "STATIC", "o-1"]
GOOD += ["a@example.test", "2026-01-01T00:00:00Z", "1990-01-31", "12.50", "4111111111111111"]
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
SAID = [
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
class Near:
    """A body that suits its route, but for some of its fields."""

    wrong: dict[str, Any]


texts = st.text(st.characters(), max_size=8) | st.sampled_from(GOOD) | st.just("x" * 300)
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
# What a caller could mean, and what is wrong with it.
near = st.builds(Near, st.dictionaries(names, st.sampled_from(GOOD) | leaves, max_size=2))
written = st.sampled_from([f'{{"name":"a","rules":{rules}}}'.encode() for rules in WRITTEN])
# Of ten ids seven are known, and one is whole but unknown.
parts = st.tuples(st.integers(0, 9), texts)
# Controls cannot be sent in a header, nor can halves of surrogate pairs.
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
            st.sampled_from(HEADERS.split()), st.sampled_from(SAID) | lines, max_size=1
        ),
        "body": near | near | near | bodies | values | written | st.binary() | st.just(NOTHING),
    }
)


def escaped(text: str) -> str:
    return quote(text.encode(errors="surrogatepass"), safe="")


async def called(api: Api, call: dict[str, Any], known: dict[str, str]) -> Answer:
    """Sends what was drawn; `known` are the ids of what there is, by their names in routes."""
    routes = list(api.app.router.routes())
    route = routes[call["route"] % len(routes)]
    parts, template = iter(call["parts"]), route.resource.canonical if route.resource else "/"

    def part(name: re.Match[str]) -> str:
        chance, text = next(parts)
        given = known[name[1]] if chance < 7 else an_unknown_id() if chance == 7 else text
        return escaped(given)

    query = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in call["query"])
    path = re.sub(r"\{(\w+)\}", part, template) + (f"?{query}" if query else "")
    method = call["method"] or route.method
    body, headers = call["body"], call["headers"]
    if method == "HEAD":
        # Refused before its method is known, a request is answered with a body.
        body, headers = NOTHING, {**headers, "Content-Encoding": None}
    if isinstance(body, Near):
        suits = body_for(method, template, known)
        body = {**(suits if isinstance(suits, dict) else {}), **body.wrong}
    return await api.send(method, path, body, headers=headers, base="")


class FuzzContract:
    @settings(derandomize=True, suppress_health_check=list(HealthCheck))
    @given(told=st.lists(calls, min_size=1, max_size=5))
    async def test_whatever_is_sent_is_answered_and_nobody_is_lost(
        self, api: Api, told: list[dict[str, Any]]
    ) -> None:
        each = api.of_tenant(f"{api.tenant}-{an_unknown_id()}")
        known = await a_household(each)
        statuses = [(await called(each, call, known)).status for call in told]
        assert all(200 <= status < 500 for status in statuses)
        listed = await each.get("/customers?page_size=100")
        assert listed.body["total"] == len(listed.body["customers"])
        assert (await each.send("GET", "/customers/segments", base=BASE)).status == 200
