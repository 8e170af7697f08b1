"""JSON with exact numbers: Decimals are encoded, and numbers with a fraction decoded, unrounded."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def encode(value: Any) -> bytes:
    """The JSON of a value; Decimals become numbers with the same digits. Raises ValueError for NaN
    and infinity.
    """
    return _json(value).encode()


def decode(text: bytes) -> Any:
    """The value of a JSON text; numbers with a fraction or an exponent become Decimals."""
    return json.loads(text, parse_float=Decimal)


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount")
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(k)}:{_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, allow_nan=False)
