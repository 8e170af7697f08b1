"""A gRPC call as bytes, with metadata that the library of gRPC refuses to send."""

import asyncio
from collections.abc import Sequence
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GO_AWAY, _CONTINUATION = 0, 1, 3, 4, 7, 9
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_MAX_FRAME: Final = 16_384
Field = tuple[bytes, bytes]


async def call(target: str, method: str, metadata: Sequence[Field], request: bytes) -> bytes:
    """Sends a call; returns the payloads of all frames until the server ends the call or the
    connection.
    """
    host, _, port = target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _headers(target, method, metadata))
    message = b"\0" + len(request).to_bytes(4, "big") + request
    writer.write(_frame(_DATA, _END_STREAM, 1, message))
    try:
        return await _answer(reader, writer)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    received = b""
    try:
        while True:
            head = await reader.readexactly(9)
            received += await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == _SETTINGS and not flags & _ACK:
                writer.write(_frame(_SETTINGS, _ACK, 0, b""))
            if kind in (_RESET, _GO_AWAY) or (kind == _HEADERS and flags & _END_STREAM):
                return received
    except (asyncio.IncompleteReadError, ConnectionError):
        return received  # the connection has ended


def _headers(target: str, method: str, metadata: Sequence[Field]) -> bytes:
    fields: Sequence[Field] = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", method.encode()),
        (b":authority", target.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *metadata,
    )
    # Each is a literal header field without indexing, with a new name (RFC 7541, 6.2.2).
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
    parts = [block[start : start + _MAX_FRAME] for start in range(0, len(block), _MAX_FRAME)]
    frames = [
        _frame(_CONTINUATION if place else _HEADERS, _END_HEADERS * (part is parts[-1]), 1, part)
        for place, part in enumerate(parts)
    ]
    return b"".join(frames)


def _text(value: bytes) -> bytes:
    """A string literal of HPACK: its length, with a prefix of 7 bits, and its bytes."""
    length, limit = len(value), 127
    if length < limit:
        return bytes((length,)) + value
    length, prefix = length - limit, bytes((limit,))
    while length >= 128:
        prefix, length = prefix + bytes((length % 128 + 128,)), length // 128
    return prefix + bytes((length,)) + value


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    head = len(content).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + content
