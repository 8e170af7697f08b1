"""Bounds the framing of a chunked body: the sizes and extensions of its chunks, and its trailers.

Each chunk costs time, however small it is: a body in chunks of one byte would hold up the others.
"""

from typing import Final

from aiohttp import StreamReader, web
from attrs import define, field

MAX_FRAMING_BYTES: Final = 32 * 1024


class TooMuchFraming(web.RequestPayloadError):
    """The framing of a body is larger than MAX_FRAMING_BYTES."""


@define(eq=False)
class Framing:
    """Counts the framing of the chunked body that a connection receives, if any.

    The bytes that arrive together with the head of the request are not counted.
    """

    _body: StreamReader | None = field(default=None, init=False)
    _received: int = field(default=0, init=False)

    def follow(self, body: StreamReader) -> None:
        """Counts from now on the bytes of this body; does so already if it is the same one."""
        if body is not self._body and not body.is_eof():
            self._body, self._received = body, body.total_bytes

    def is_too_large(self, received: int, *, is_parsed: bool) -> bool:
        """Adds received bytes; whether the framing, once all of them are parsed, is too large. If
        it is, readers of the body get TooMuchFraming.
        """
        if (body := self._body) is None:
            return False
        self._received += received
        if body.is_eof():
            self._body = None
        elif is_parsed and self._received - body.total_bytes > MAX_FRAMING_BYTES:
            body.set_exception(TooMuchFraming())
            return True
        return False
