"""The Link header of lists (RFC 8288)."""

from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

from aiohttp import web

from customers.entrypoints.http.query import snake

# The characters that need no percent-encoding in an address in this header.
_SAFE = "%/?&=+:@!$'()*,;[]-._~"


def link_header(request: web.Request, name: str, values: Mapping[str, object]) -> dict[str, str]:
    """The header with a link for each relation: the address of the request, in which the parameter
    `name` has the value of the relation. Empty without values.
    """
    if not values:
        return {}
    url = request.rel_url
    parts = url.raw_query_string.split("&") if url.raw_query_string else []
    others = [part for part in parts if snake(unquote_plus(part.partition("=")[0])) != name]
    start = quote(f"{url.raw_path}?{'&'.join([*others, name])}=", safe=_SAFE)
    links = (f'<{start}{value}>; rel="{relation}"' for relation, value in values.items())
    return {"Link": ", ".join(links)}
