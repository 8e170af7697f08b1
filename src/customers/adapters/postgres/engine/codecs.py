"""How values travel where asyncpg's own ways would lose something."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from asyncpg import Connection, Record


async def set_codecs(connection: "Connection[Record]") -> None:
    """Numbers in JSONB stay exact. The calendar's first and last moments stay moments: asyncpg
    would make infinities of them, with which nothing can be computed.
    """
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_write_json, decoder=_JSON.decode
    )
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=_since_epoch,
        decoder=_after_epoch,
    )


def _write_json(value: object) -> str:
    return _JSON_WRITER.encode(value).decode()


def _since_epoch(moment: datetime) -> tuple[int]:
    return ((moment - _EPOCH) // _MICROSECOND,)


def _after_epoch(told: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=told[0])


_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_JSON_WRITER = msgspec.json.Encoder(decimal_format="number")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
