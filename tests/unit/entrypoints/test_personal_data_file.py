"""A large document of a person's data is sent from a file, which is closed if reading fails."""

import tempfile
from collections.abc import AsyncIterator
from io import BytesIO
from typing import IO

import pytest
from aiohttp.payload import Payload

from customers.core.model.customer import Customer
from customers.core.model.journal import Note
from customers.core.model.personal_data import PersonalRecords
from customers.core.services.personal_data import PersonalDataOf
from customers.entrypoints.http.personal_data_file import personal_data_response
from customers.entrypoints.json.encode import Encoder
from customers.entrypoints.json.encode_personal_data import PersonalDataEncoder
from tests.support.api_client import decode_json
from tests.support.builders import NOW, USD, a_customer, a_note

ENCODER = PersonalDataEncoder(Encoder(USD))
CUSTOMER = a_customer()


def data_of(records: AsyncIterator[PersonalRecords]) -> PersonalDataOf:
    return PersonalDataOf(customer=CUSTOMER, generated_at=NOW, records=records)


async def some_records(note_count: int) -> AsyncIterator[PersonalRecords]:
    yield PersonalRecords(kind=Customer, records=[CUSTOMER])
    yield PersonalRecords(kind=Note, records=[])
    for _ in range(note_count):
        yield PersonalRecords(kind=Note, records=[a_note(CUSTOMER, note="x" * 10_000)])


@pytest.mark.parametrize(("note_count", "is_in_memory"), [(3, True), (600, False)])
async def test_the_document_is_whole_in_memory_or_in_a_file(
    note_count: int, is_in_memory: bool
) -> None:
    response = await personal_data_response(data_of(some_records(note_count)), ENCODER)
    payload = response.body
    assert isinstance(payload, Payload)
    assert isinstance(payload._value, BytesIO) is is_in_memory
    document = decode_json(await payload.as_bytes())
    payload._value.close()  # which the server does when it has sent the response
    assert len(document["data"]["customer_notes"]) == note_count
    assert document["data"]["customers"][0]["email"] == CUSTOMER.email


async def test_the_file_is_closed_when_reading_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[IO[bytes]] = []
    temporary_file = tempfile.TemporaryFile

    def recorded_file() -> IO[bytes]:
        files.append(file := temporary_file())
        return file

    async def failing() -> AsyncIterator[PersonalRecords]:
        async for records in some_records(600):
            yield records
        raise ConnectionError("lost")

    monkeypatch.setattr(tempfile, "TemporaryFile", recorded_file)
    with pytest.raises(ConnectionError):
        await personal_data_response(data_of(failing()), ENCODER)
    assert [file.closed for file in files] == [True]
