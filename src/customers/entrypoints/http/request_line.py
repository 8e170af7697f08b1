"""Checks what comes before the body: the size of the headers, the path and the query."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from customers.core.errors import Invalid, Problem
from customers.entrypoints.http.body import RequestRejected
from customers.entrypoints.http.errors import ErrorResponse

# As much as proxies commonly let through. Some headers are lists whose items are read one by one,
# which would take too long in larger headers.
MAX_HEADER_BYTES: Final = 32 * 1024
# One header with its name: as much as a bearer token may have.
MAX_FIELD_BYTES: Final = 16 * 1024
MAX_PARAMETERS: Final = 200
_MAX_NAME: Final = 50

_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
HEADERS_TOO_LARGE: Final = ErrorResponse(
    status=431,
    code="HEADERS_TOO_LARGE",
    message=f"the headers must not exceed {MAX_HEADER_BYTES // 1024} KiB in all, "
    f"nor {MAX_FIELD_BYTES // 1024} KiB each",
)

_MALFORMED: Final = ("INVALID_ENCODING", "must be percent-encoded UTF-8")


def check_size_of_headers(request: web.BaseRequest) -> None:
    """Raises RequestRejected if the headers are larger than MAX_HEADER_BYTES."""
    headers = request.headers
    if sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEADER_BYTES:
        raise RequestRejected(HEADERS_TOO_LARGE)


def check_address(request: web.BaseRequest) -> None:
    """Raises Invalid for a path or a query that is not percent-encoded UTF-8, and for a query with
    too many parameters.
    """
    raw = request.raw_path
    if "%" not in raw and raw.isascii() and raw.count("&") < MAX_PARAMETERS:
        return
    path, _, query = raw.partition("?")
    if not _is_encoded(path):
        raise _invalid("path", *_MALFORMED)
    if not _is_encoded(query):
        raise _invalid(_malformed_parameter(query), *_MALFORMED)
    if query.count("&") >= MAX_PARAMETERS:
        message = f"must have at most {MAX_PARAMETERS} parameters"
        raise _invalid("query", "TOO_MANY_PARAMETERS", message)


def _is_encoded(text: str) -> bool:
    if _BROKEN_ESCAPE.search(text):
        return False
    try:
        unquote_to_bytes(text).decode()
    except UnicodeError:
        return False
    return True


def _malformed_parameter(query: str) -> str:
    """The name of the first parameter that is malformed; `query` if its name is malformed too."""
    part = next(part for part in query.split("&") if not _is_encoded(part))
    name = part.partition("=")[0][:_MAX_NAME]
    return name if name and _is_encoded(name) else "query"


def _invalid(field: str, code: str, message: str) -> Invalid:
    return Invalid([Problem(field=field, code=code, message=message)])
