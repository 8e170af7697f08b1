"""The answer with everything that is kept of a person, as a file to be saved.

It is complete, however large: above the size of other answers it is written to an unnamed temporary
file, and sent from there. So the memory that it takes is bounded, no connection to the database
waits for a slow caller, and an answer that has begun cannot fail.
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
    """The response with all records, which have been read when it returns."""
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
        await to_thread(file.write, text)  # perhaps to a disk
    file.write(b"]}}")


@define
class _Spool:
    """A file in memory, which moves to the disk when it is larger than other answers may be."""

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
    """Writes rows below the names of their tables, which come one after another."""

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
