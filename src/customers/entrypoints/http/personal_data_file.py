"""The answer with everything that is stored about a person, as a file to be saved.

The answer is complete, however large. If it is larger than other answers may be, it is written to
an unnamed temporary file first, and sent from there. So it needs little memory, no connection to
the database waits for a slow caller, and no read can fail after the answer has begun.
"""

import tempfile
from asyncio import to_thread
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import IO

from aiohttp import web
from attrs import define, field

from customers.core.services.personal_data import PersonalDataOf
from customers.entrypoints.http.answer_size import MAX_ANSWER_BYTES
from customers.entrypoints.json.encode import encode
from customers.entrypoints.json.encode_personal_data import PERSONAL_TABLES, PersonalDataEncoder


async def personal_data_response(
    data: PersonalDataOf, encoder: PersonalDataEncoder
) -> web.Response:
    """The response with all records; all of them have been read before this returns."""
    spool = _Spool()
    try:
        await _write(spool, data, encoder)
    except BaseException:
        spool.file.close()
        raise
    spool.file.seek(0)
    name = f"customer-{data.customer.id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=spool.file, content_type="application/json", headers=headers)


async def _write(file: "_Spool", data: PersonalDataOf, encoder: PersonalDataEncoder) -> None:
    head = {
        "customerId": data.customer.id,
        "tenantId": data.customer.tenant_id,
        "generatedAt": data.generated_at,
    }
    file.write(encode(head)[:-1] + b',"data":{')
    tables = _Tables()
    async for portion in data.records:
        values = [encoder.record(record) for record in portion.records]
        text = b"".join(tables.text(PERSONAL_TABLES[portion.kind], values))
        await to_thread(file.write, text)  # the file may be on a disk
    file.write(b"]}}")


@define
class _Spool:
    """A file in memory that moves to the disk when it becomes larger than other answers may be."""

    file: IO[bytes] = field(factory=BytesIO, init=False)

    def write(self, content: bytes) -> None:
        is_in_memory = isinstance(self.file, BytesIO)
        if is_in_memory and self.file.tell() + len(content) > MAX_ANSWER_BYTES:
            with self.file as memory:
                memory.seek(0)
                self.file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
                self.file.write(memory.read())
        self.file.write(content)


@define
class _Tables:
    """Writes the rows of one table after another, as JSON arrays below the names of the tables."""

    _table: str | None = field(default=None, init=False)
    _is_empty: bool = field(default=True, init=False)

    def text(self, table: str, values: Sequence[object]) -> Iterator[bytes]:
        """The JSON of the next rows."""
        if table != self._table:
            yield (b"" if self._table is None else b"],") + encode(table) + b":["
            self._table, self._is_empty = table, True
        if values:
            yield (b"" if self._is_empty else b",") + encode(values)[1:-1]
            self._is_empty = False
