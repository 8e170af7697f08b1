"""Strict decoders for tokens and keys from outside: canonical base64url, and unambiguous JSON."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final, NoReturn

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def segment_bytes(text: str) -> bytes:
    """The bytes of a base64url text without padding.

    Raises ValueError, also for a text that is not the canonical encoding of its bytes.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("is not base64url")
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(content).rstrip(b"=") != text.encode():
        raise ValueError("is not canonical base64url")
    return content


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object of UTF-8 bytes. Raises ValueError, also for a name that occurs twice, an
    unpaired surrogate, NaN and Infinity.
    """
    try:
        value = _DECODER.decode(content.decode("utf-8"))
        if b"\\u" in content:  # only an escape can hold a surrogate without its other half
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}, which is not JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("has a name twice")
    return values


_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_without_repetition
)
