"""Codecs for types that asyncpg's own codecs would not preserve exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from asyncpg import Connection, Record


async def set_codecs(connection: "Connection[Record]") -> None:
    """Makes numbers in JSONB exact, and the calendar's first and last moments finite.

    asyncpg's own codec treats those moments as infinities, with which nothing can be computed.
    """
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=_DECODER.decode
    )
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=_encode_moment,
        decoder=_decode_moment,
    )


def _encode_json(value: object) -> str:
    return _ENCODER.encode(value).decode()


def _encode_moment(moment: datetime) -> tuple[int]:
    return ((moment - _EPOCH) // _MICROSECOND,)


def _decode_moment(microseconds: tuple[int]) -> datetime:
    return _EPOCH + microseconds[0] * _MICROSECOND


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
