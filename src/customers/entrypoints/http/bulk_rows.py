"""Reads the body of a bulk upsert: a JSON object in each line, read as a body of its own.

A line that cannot be read is an error in the place of its upsert. Lines are cut off the body one
after another, so only those of one group are decoded at a time.
"""

from asyncio import sleep
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, TypeAlias, cast

from attrs import frozen

from customers.bulkheads.turns import SLICE_ITEMS
from customers.core.errors import CustomersError, Invalid
from customers.core.errors.access import TenantForbidden
from customers.core.model.customer import CustomerDetails
from customers.core.model.upsert import CustomerRow, Upsert
from customers.core.services.upserts import Upserts
from customers.entrypoints.http.body import NDJSON, too_large
from customers.entrypoints.http.body_sizes import largest_body
from customers.entrypoints.http.errors import ErrorResponse
from customers.entrypoints.http.input import BodyReader
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.routes import Body
from customers.entrypoints.json.decode import Decoder, given_fields
from customers.entrypoints.json.parse import parse_object

MAX_ROWS: Final = 10_000
MAX_BULK_BYTES: Final = 16 * 1024 * 1024
# The most rows in a group, and the most bytes before its last row. A group is one transaction: its
# customers stay locked until it ends, and each new e-mail address takes one of the server's locks.
GROUP_ROWS: Final = 500
GROUP_BYTES: Final = 1024 * 1024
# Other tasks run after so many bytes of rows, and after SLICE_ITEMS rows.
_SLICE_BYTES: Final = 16 * 1024
MAX_ROW_BYTES: Final = largest_body(CustomerDetails)

ROW: Final = Body(CustomerRow, describes_person=True, decoded=False, media_type=NDJSON)
_TENANT_KEY: Final = "tenantId"

Refusal: TypeAlias = CustomersError | ErrorResponse


@frozen(kw_only=True)
class Row:
    """A line of the body, by its number from 1: the upsert, or why it is refused."""

    line: int
    upsert: Upsert | Refusal


def check_lines(raw: bytes) -> None:
    """Raises Invalid for a body without a row, or with too many lines, empty ones included."""
    if not raw.strip():
        raise Invalid.at("", "REQUIRED", "the body must have a JSON object in each line")
    if raw.count(b"\n") + (not raw.endswith(b"\n")) > MAX_ROWS:
        raise Invalid.at("", "MAX_LENGTH", f"must have at most {MAX_ROWS:,} lines")


class RowReader:
    """Reads rows with the gates of `registerCustomer`."""

    def __init__(self, decoder: Decoder, upserts: Upserts) -> None:
        self._body = BodyReader(ROW, decoder)
        self._upserts = upserts

    async def groups(self, context: RequestContext) -> AsyncIterator[Sequence[Row]]:
        """The rows of the body in groups; other tasks run in between."""
        is_strict, group = context.is_strict, list[Row]()
        size, slice_size = 0, 0
        for line, text in _lines(context.raw):
            group.append(Row(line=line, upsert=self._upsert(text, context, is_strict=is_strict)))
            size, slice_size = size + len(text), slice_size + len(text)
            if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
            if len(group) % SLICE_ITEMS == 0 or slice_size >= _SLICE_BYTES:
                await sleep(0)
                slice_size = 0
        if group:
            yield group

    def _upsert(self, text: bytes, context: RequestContext, *, is_strict: bool) -> Upsert | Refusal:
        if len(text) > MAX_ROW_BYTES:
            return too_large(MAX_ROW_BYTES)
        deployment = context.deployment
        try:
            values = parse_object(text)
            tenant = values.get(_TENANT_KEY)
            deployment.tenants.expect(context.tenant, tenant, context.principal)
            row = self._body.read_part(values, deployment, is_strict=is_strict)
        except (Invalid, TenantForbidden) as error:
            return error
        given = given_fields(CustomerRow, values)
        return self._upserts.upsert_of(context.tenant, cast("CustomerRow", row), given)


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, each with its number."""
    begin, line = 0, 0
    while begin < len(raw):
        end = raw.find(b"\n", begin)
        end = len(raw) if end < 0 else end
        line += 1
        if text := raw[begin:end].strip():
            yield line, text
        begin = end + 1
