"""The worst requests known for every route: those that cost a service most.

The texts, values, bodies, queries and headers are data: whoever finds a worse one adds a line. A
new route gets those that apply to it by itself.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final

import attrs
from attrs import evolve, frozen

from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from customers.entrypoints.http.body import JSON, NDJSON
from customers.entrypoints.http.bulk_rows import MAX_ROW_BYTES, MAX_ROWS
from customers.entrypoints.http.query import parameters_of
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json.decode import camel
from customers.entrypoints.openapi.parameters import path_of

MIB: Final = 1024 * 1024
CHUNKED: Final = ("Transfer-Encoding", "chunked")
# The account of the customer whom the requests are about; every request has it in X-User-ID.
SHOPPER: Final = "0190b2f0-0000-7000-8000-000000000077"
# A request line of aiohttp has at most 8,190 bytes; the path and the method take some of them.
_QUERY_BYTES: Final = 8_000
# One header has at most 16 KiB, with its name; all have at most 32 KiB.
_HEADER_BYTES: Final = 16_000


@frozen(kw_only=True)
class WorstRequest:
    """A request to an operation; its path has names of ids in braces."""

    operation: str
    name: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    build_body: Callable[[], bytes] = bytes
    is_about_rules: bool = False
    media_type: str = JSON

    def as_bytes(self, tenant: str, ids: Mapping[str, str]) -> bytes:
        """The request as it is sent, the ids of its path filled in."""
        body = self.build_body()
        path = self.path.format_map(ids) if "?" not in self.path else self._with_query(ids)
        lines = [f"{self.method} {path} HTTP/1.1", "Host: worst.test", "Connection: close"]
        lines += [f"X-Tenant-ID: {tenant}"] if not self._names_tenant else []
        lines += [f"X-User-ID: {SHOPPER}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if body:
            length = [] if CHUNKED in self.headers else [f"Content-Length: {len(body)}"]
            lines += [f"Content-Type: {self.media_type}", *length]
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def _names_tenant(self) -> bool:
        return any(name == "X-Tenant-ID" for name, _ in self.headers)

    def _with_query(self, ids: Mapping[str, str]) -> str:
        path, _, query = self.path.partition("?")
        return f"{path.format_map(ids)}?{query}"


# Texts as JSON writes them between quotes; each is repeated up to a size.
TEXTS: Final[Mapping[str, str]] = {
    "letters": "a",
    "letters of two bytes": "é",
    "letters of three bytes": "漢",
    "emoji": "😀",
    "escaped letters": "\\u00e9",
    "escaped emoji": "\\ud83d\\ude00",
    "marks in order": "\u0301",
    "marks out of order": "\u0301\u0316",
    "letters with two marks": "a\u0301\u0316",
    "decomposed Hangul": "\u1112\u1161\u11ab",
    "ligatures that expand": "\ufdfa",
    "sharp s": "ß",
    "dotted capital I": "İ",
    "spaces": " ",
    "wide spaces": "\u3000",
    "line breaks": "\\r\\n",
    "NUL": "\\u0000",
    "surrogates": "\\ud800",
    "digits": "9",
    "digits and spaces": "1 ",
    "digits and dashes": "1-",
    "at signs": "@",
    "labels of a domain": "a.",
    "local parts": "a@a.",
    "quotes": '\\"',
    "backslashes": "\\\\",
    "commas": ",",
    "brackets": "[",
}
# Other values: a beginning, a part that is repeated up to a size, and an end.
VALUES: Final[Mapping[str, tuple[str, str, str]]] = {
    "a list of numbers": ("[", "0,", "0]"),
    "a list of decimals": ("[", "1.5,", "0]"),
    "a list of tiny decimals": ("[", "1e-9,", "0]"),
    "a list of empty texts": ("[", '"",', '""]'),
    "a list of letters": ("[", '"é",', '""]'),
    "a list of lists": ("[", "[],", "[]]"),
    "a list of objects": ("[", "{},", "{}]"),
    "a list of pairs": ("[", '{"a":1},', "{}]"),
    "a list of ids": ("[", '"0190b2f0-0000-7000-8000-000000000001",', '""]'),
    "a list of orders": ("[", '{"customerId":"x","orderId":"","totalAmount":"x"},', "{}]"),
    "nested lists": ("", "[", "0"),
    "nested objects": ("", '{"a":', "0"),
    "many digits": ("", "9", "9"),
    "many decimals": ("0.", "9", "9"),
    "many zeros and an exponent": ("1", "0", ".0e1"),
    "a list of long numbers": ("[", "9" * 4_000 + ",", "0]"),
    "a list of huge exponents": ("[", "1e999999999,", "0]"),
    "digits in a text": ('"', "9", '"'),
    "decimals in a text": ('"0.', "0", '1"'),
    "a text with an open end": ('"', '\\"', ""),
}
# The texts and values that also fill a body in one field alone, for each field; every text and
# value fills a body that all fields share.
ALONE: Final = frozenset(
    {
        "letters of two bytes",
        "emoji",
        "marks out of order",
        "spaces",
        "digits and spaces",
        "at signs",
        "a list of letters",
        "a list of ids",
        "a list of orders",
        "nested lists",
        "digits in a text",
        "decimals in a text",
    }
)
# Functions that build a whole body of at most a number of bytes.
BODIES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "only spaces": lambda size: b" " * size,
    "spaces after an object": lambda size: b"{}" + b" " * (size - 2),
    "no UTF-8": lambda size: b"\xff" * size,
    "UTF-8 that ends early": lambda size: b"\xe6\xbc" * (size // 2),
    "nested lists": lambda size: b"[" * size,
    "nested objects": lambda size: b'{"a":' * (size // 5),
    "a number": lambda size: b"9" * size,
    "a list": lambda size: b"[" + b"0," * ((size - 3) // 2) + b"0]",
    "unknown keys": lambda size: _keys(size, '"{}":0'),
    "unknown keys with long names": lambda size: _keys(size, '"' + "é" * 500 + '{}":0'),
    "unknown keys like a known one": lambda size: _keys(size, '"e_mail{}":0'),
    "a key, again and again": lambda size: _keys(size, '"a":0'),
    "a key within an object, again and again": lambda size: (
        b'{"x":' + _keys(size - 6, '"a":0') + b"}"
    ),
    "tenants": lambda size: _filled("tenantId", size, ('"', "é", '"')),
    "a list of tenants": lambda size: _filled("tenantId", size, ("[", '"a",', '"a"]')),
}
# Chunked bodies of at most a number of bytes, once their chunks are put together.
CHUNKED_BODIES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "chunks of one byte": lambda size: b"1\r\n \r\n" * size,
    "chunks with long extensions": lambda _: (b"1;" + b"a" * 4_000 + b"\r\n \r\n") * 1_000,
    "an endless extension": lambda _: b"1;" + b"a" * (8 * MIB),
    "a size with zeros": lambda _: b"0" * (8 * MIB),
    "long trailers": lambda _: b"1\r\n \r\n0\r\n" + (b"a: " + b"b" * 8_000 + b"\r\n") * 100,
    "a large chunk, then chunks of one byte": lambda size: (
        b"%x\r\n" % (size // 2) + b" " * (size // 2) + b"\r\n" + b"1\r\n \r\n" * (size // 2)
    ),
}
# Bodies of rows, for routes that take NDJSON; those of other routes are repeated as rows.
ROWS: Final[Mapping[str, Callable[[], bytes]]] = {
    "small customers": lambda: _rows(b'{"email":"%d@x.test","firstName":"A","lastName":"B"}'),
    "customers with a tag": lambda: _rows(
        b'{"email":"%d@x.test","firstName":"A","lastName":"B","tags":["a"],"notes":"'
        + b"ab " * 480
        + b'"}'
    ),
    "one customer, again and again": lambda: (
        b'{"email":"one@x.test","firstName":"A","lastName":"B"}\n' * MAX_ROWS
    ),
    "broken rows": lambda: b"{\n" * MAX_ROWS,
    "empty rows": lambda: b"{}\n" * MAX_ROWS,
    "line breaks": lambda: b"\n" * (16 * MIB),
    "one long line": lambda: b"9" * (16 * MIB),
}
# Queries for every route.
QUERIES: Final[Mapping[str, str]] = {
    "one long name": "a" * _QUERY_BYTES,
    "names": "&".join(f"a{number}" for number in range(1_300)),
    "names like a known one": "&".join(f"statu{number}=1" for number in range(600)),
    "one name, again and again": "&".join(["status=x"] * 800),
    "separators": "&" * _QUERY_BYTES,
    "equals signs": "=" * _QUERY_BYTES,
    "humps": "aA" * (_QUERY_BYTES // 2),
    "escaped names": "%61&" * (_QUERY_BYTES // 4),
    "malformed escapes": "%" * _QUERY_BYTES,
    "escapes that are no UTF-8": "a=" + "%ff" * (_QUERY_BYTES // 3),
    "half an escape": "a=%e2%82",
    "tenants": "tenant_id=" + "%C3%A9" * (_QUERY_BYTES // 7),
    "many tenants": "&".join(["tenant_id=a"] * 600),
}
# Values for every query parameter of a route.
PARAMETER_VALUES: Final[Mapping[str, str]] = {
    "digits": "9" * 7_000,
    "zeros": "0" * 7_000,
    "items": "x," * 3_500,
    "items of a letter": "%C3%A9," * 1_000,
    "commas": "," * 7_000,
    "marks": "%CC%81%CC%96" * 600,
    "spaces": "+" * 7_000,
    "words": "a+" * 3_500,
    "ids": "0190b2f0-0000-7000-8000-000000000001," * 190,
    "a cursor": "A" * 7_000,
    "a huge exponent": "1e999999999",
    "an address": "a@" + "a." * 3_500 + "b",
}
# Headers for every route; many of them are sent a hundred times in a request.
HEADERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "preferences": (("Prefer", "a," * (_HEADER_BYTES // 2)),) * 100,
    "preference parameters": (("Prefer", "a;" * (_HEADER_BYTES // 2)),) * 100,
    "versions": (("If-Match", '"1",' * (_HEADER_BYTES // 4)),) * 100,
    "known versions": (("If-None-Match", '"1",' * (_HEADER_BYTES // 4)),) * 100,
    "media types": (("Accept", "a/b;q=0.1," * (_HEADER_BYTES // 10)),) * 100,
    "media parameters": (("Accept", "application/problem+json" + ";q" * 4_000),) * 100,
    "tenants": (("X-Tenant-ID", "a" * _HEADER_BYTES),) * 100,
    "tenants of the gateway": (("x-jwt-claim-tenant-id", "é" * (_HEADER_BYTES // 2)),) * 100,
    "actors": (("x-jwt-claim-sub", " " * _HEADER_BYTES),) * 100,
    "request ids": (("X-Request-Id", "a" * _HEADER_BYTES),) * 100,
    "cookies": (("Cookie", "a=b;" * (_HEADER_BYTES // 4)),) * 100,
    "too many": tuple((f"X-{number}", "a") for number in range(2_000)),
    "a content type": (("Content-Type", "a/b" + ";c=d" * 2_000),),
    "preferences and versions": (
        ("Prefer", "a," * (_HEADER_BYTES // 2)),
        ("If-Match", '"1",' * (_HEADER_BYTES // 4)),
    ),
    "media types and known versions": (
        ("Accept", "a/b;q=0.1," * (_HEADER_BYTES // 10)),
        ("If-None-Match", '"1",' * (_HEADER_BYTES // 4)),
    ),
    "a token": (("Authorization", "Bearer " + "." * _HEADER_BYTES),),
    "strict handling": (("Prefer", "handling=strict"),),
}
_STRICT: Final = HEADERS["strict handling"]


@cache
def worst_requests() -> tuple[WorstRequest, ...]:
    """The worst requests to all routes, route by route."""
    return tuple(request for route in routes() for request in worst_requests_of(route))


def worst_requests_of(route: Route) -> Iterator[WorstRequest]:
    """The worst requests to a route."""
    for name, query in QUERIES.items():
        yield _to(route, f"query: {name}", query=query)
    for parameter in parameters_of(route.query):
        for name, value in PARAMETER_VALUES.items():
            yield _to(route, f"{parameter.name}: {name}", query=f"{parameter.name}={value}")
    for name, headers in HEADERS.items():
        yield _to(route, f"headers: {name}", headers=headers)
    if route.method != "GET":
        yield from _with_body(route)


def _with_body(route: Route) -> Iterator[WorstRequest]:
    size = MAX_ROW_BYTES if route.media_type == NDJSON else route.body_limit
    packed = (("Content-Encoding", "gzip"),)
    yield _to(route, "a packed body", packed, body=_packed)
    yield _to(route, "a body of 8 MiB", body=lambda: b" " * (8 * MIB))
    for name, body in BODIES.items():
        yield _to(route, name, body=partial(body, size))
        yield _to(route, f"{name}, strictly", _STRICT, body=partial(body, size))
    for name, body in CHUNKED_BODIES.items():
        yield _to(route, f"a body: {name}", (CHUNKED,), body=partial(body, size))
    yield from _with_fields(route, size)
    for name, rows in ROWS.items() if route.media_type == NDJSON else ():
        yield evolve(_to(route, f"rows: {name}"), build_body=rows)


def _with_fields(route: Route, size: int) -> Iterator[WorstRequest]:
    """Bodies of TEXTS and VALUES: all fields share the size, or one field has all of it."""
    keys = _keys_of(route)
    texts = {name: ('"', text, '"') for name, text in TEXTS.items()}
    for name, value in {**texts, **VALUES}.items():
        yield _to(route, f"every field: {name}", body=partial(_sharing, keys, size, value))
        for key in keys if name in ALONE else ():
            rules, body = key == "rules", partial(_filled, key, size, value)
            yield _to(route, f"{key}: {name}", body=body, is_about_rules=rules)


def _to(
    route: Route,
    name: str,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    query: str = "",
    body: Callable[[], bytes] = bytes,
    is_about_rules: bool = False,
) -> WorstRequest:
    return WorstRequest(
        operation=route.operation,
        name=name,
        method=route.method,
        path=path_of(route) + (f"?{query}" if query else ""),
        headers=headers,
        build_body=partial(_as_rows, body) if route.media_type == NDJSON else body,
        media_type=route.media_type,
        is_about_rules=is_about_rules or (name.startswith("every") and "rules" in _keys_of(route)),
    )


@cache
def routes() -> tuple[Route, ...]:
    """All routes of the REST interface."""
    container = Container(settings=Settings(storage="memory", data_dir=Path("unused")), dsn="")
    return tuple(route for resource in container.resources() for route in resource.table())


def _keys_of(route: Route) -> tuple[str, ...]:
    if route.body is None:
        return ()
    return tuple(camel(field.name) for field in attrs.fields(route.body.kind))


def _as_rows(body: Callable[[], bytes]) -> bytes:
    """A body as rows of a larger one, of more than one group."""
    row = body()
    return (row + b"\n") * (2 * MIB // len(row)) if row else b""


def _rows(row: bytes) -> bytes:
    return b"\n".join(row % number for number in range(MAX_ROWS))


@cache
def _packed() -> bytes:
    """64 MiB of zero bytes, compressed with gzip."""
    return gzip.compress(b"\0" * (64 * MIB))


def _keys(size: int, member: str) -> bytes:
    """A JSON object with numbered members, at most `size` bytes long."""
    length = len(member.format(99_999).encode()) + 1
    members = (member.format(number) for number in range((size - 2) // length))
    return b"{" + ",".join(members).encode() + b"}"


def _sharing(keys: tuple[str, ...], size: int, value: tuple[str, str, str]) -> bytes:
    share = size // max(len(keys), 1)
    inner = b",".join(_filled(key, share - 1, value)[1:-1] for key in keys)
    return b"{" + inner + b"}"


def _filled(key: str, size: int, value: tuple[str, str, str]) -> bytes:
    """A JSON object with one member, at most `size` bytes long if that is possible."""
    start, repeated, end = value
    head, tail = f"{{{json.dumps(key)}:{start}".encode(), f"{end}}}".encode()
    times = max(size - len(head) - len(tail), 0) // len(repeated.encode())
    return head + repeated.encode() * times + tail
