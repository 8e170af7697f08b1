"""The Link header of lists (RFC 8288)."""

from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

from aiohttp import web

from customers.entrypoints.http.query import snake

# The most bytes of the header. Many clients refuse an answer with a header of more than 8 KiB.
_MAX_BYTES = 8_000
# The links that a caller would miss most come first.
_RELATIONS = ("next", "prev", "first", "last")
# The characters that need no percent-encoding in an address in this header.
_SAFE = "%/?&=+:@!$'()*,;[]-._~"


def link_header(request: web.Request, name: str, values: Mapping[str, object]) -> dict[str, str]:
    """The header with a link for each relation: the address of the request, in which the parameter
    `name` has the value of the relation. Links that do not fit into _MAX_BYTES, because the address
    is long, are left out. Empty without values.
    """
    if not values:
        return {}
    url = request.rel_url
    parts = url.raw_query_string.split("&") if url.raw_query_string else []
    others = [part for part in parts if snake(unquote_plus(part.partition("=")[0])) != name]
    start = quote(f"{url.raw_path}?{'&'.join([*others, name])}=", safe=_SAFE)
    header = ""
    for relation in filter(values.__contains__, _RELATIONS):
        link = f'<{start}{values[relation]}>; rel="{relation}"'
        longer = f"{header}, {link}" if header else link
        if len(longer) <= _MAX_BYTES:
            header = longer
    return {"Link": header} if header else {}
