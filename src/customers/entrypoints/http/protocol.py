"""One connection: its time-outs, how it ends, and the answers that no handler gives.

Such an answer is for a request that is not HTTP or has a line that is too long, for a head that
does not arrive, for a connection over the limit, and for an exception outside the middleware.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD

from customers.entrypoints.http.connections import Connections
from customers.entrypoints.http.errors import INTERNAL_ERROR
from customers.entrypoints.http.framing import Framing
from customers.entrypoints.http.protocol_errors import (
    HEAD_SECONDS,
    HEAD_TIMEOUT,
    MALFORMED,
    TOO_MANY_CONNECTIONS,
    as_bytes,
    response_to,
)
from customers.entrypoints.http.request_line import HEADERS_TOO_LARGE, MAX_FIELD_BYTES
from customers.entrypoints.observability.logs import logger

# How long a caller may take between two requests, and to read some of an answer.
IDLE_SECONDS: Final = 75.0
ANSWER_SECONDS: Final = 30.0
# The framing of a body is checked whenever so many bytes are parsed.
PIECE_BYTES: Final = 16 * 1024
# How long a caller has to read the answer to a request whose body was not read to its end.
PARTING_SECONDS: Final = 1.0


class Protocol(web.RequestHandler):
    """One connection. `connections` holds the open ones; if it is None, they are not limited."""

    __slots__ = (
        *("_answer_timer", "_connections", "_framing", "_head_timer", "_is_refused", "_last_body"),
        *("_parting", "_unparsed", "_unsent", "awaits_body", "peer"),
    )

    def __init__(self, server: web.Server, connections: Connections | None) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=IDLE_SECONDS,
            max_field_size=MAX_FIELD_BYTES,
            # A body that no handler reads is not read to its end, and no body is decompressed.
            lingering_time=0,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type] # web.AppRunner passes None too
        )
        self._connections = connections
        self.peer = ""
        self.awaits_body = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._framing = Framing()
        self._unparsed = b""
        self._is_refused = False
        self._last_body: StreamReader | None = None
        self._parting: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._connections is not None:
            self.peer = _peer_of(transport)
            if not self._connections.open(self):
                _refuse(cast("asyncio.Transport", transport))
                return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._connections is not None:
            self._connections.close(self)
        self._stop_head_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._parse(data)
        if self._messages or self._request_in_progress:  # a head is complete
            if self._head_timer is not None:
                self._stop_head_timer()
        elif data and self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self._give_up_head)

    def _parse(self, data: bytes) -> None:
        """Parses what has arrived, piece by piece; if a reader pauses that, the rest waits for its
        next call. What follows a framing that is too large, or a request that asks for another
        protocol, is ignored.
        """
        data, self._unparsed = self._unparsed + data, b""
        for start in range(0, len(data) or 1, PIECE_BYTES):
            if self._is_refused or (self._last_body is not None and self._last_body.is_eof()):
                return
            if start and self._reading_paused:
                self._unparsed = data[start:]
                return
            self._parse_piece(data[start : start + PIECE_BYTES])

    def _parse_piece(self, piece: bytes) -> None:
        super().data_received(piece)
        is_parsed = not self._reading_paused
        self._is_refused = self._framing.is_too_large(len(piece), is_parsed=is_parsed)
        message, body = self._messages[-1] if self._messages else (None, EMPTY_PAYLOAD)
        if isinstance(message, RawRequestMessage):
            if message.chunked:
                self._framing.follow(body)
            if message.upgrade:
                self._end_after(message, body)

    def _end_after(self, message: RawRequestMessage, body: StreamReader) -> None:
        """Answers a request for another protocol as any other, and ends the connection then: what
        follows it may be of that protocol.
        """
        self._messages[-1] = (message._replace(should_close=True), body)
        self._last_body, self._message_tail = body, b""

    @property
    def awaits_head(self) -> bool:
        """Whether the connection waits for a request, or for the rest of its head."""
        return self._waiter is not None and not self._waiter.done()

    @contextmanager
    def body_arrives(self) -> Iterator[None]:
        """While the block runs, the connection waits for the rest of a body."""
        self.awaits_body = True
        try:
            yield
        finally:
            self.awaits_body = False

    def give_way(self) -> None:
        """Ends the connection at once, without an answer."""
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_answer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_answer_timer()

    def force_close(self) -> None:
        super().force_close()
        if self._parting is not None:
            self._parting.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to an unhandled exception, or to a malformed request. Raises ConnectionError
        if an answer has already begun.
        """
        if request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        if status == MALFORMED.status:
            if not isinstance(exc, LineTooLong):
                return response_to(MALFORMED)
            self._count_refusal(HEADERS_TOO_LARGE.code.lower())
            return response_to(HEADERS_TOO_LARGE if _is_of_header(exc) else MALFORMED)
        logger().error("unhandled exception outside the middleware", exc_info=exc)
        return response_to(INTERNAL_ERROR)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends a response. An error that aiohttp itself answers with is sent in our format."""
        if isinstance(resp, web.HTTPException):
            resp = response_to(INTERNAL_ERROR)
        finished = await super().finish_response(request, resp, start_time)
        self._stop_head_timer()  # data that came meanwhile may have been the rest of a body
        if not request.content.is_eof():
            self._part()
        if self._connections is not None:
            self._connections.used(self)
        return finished

    def _give_up_head(self) -> None:
        self._head_timer = None
        if self.transport is not None and self.awaits_head:
            self._count_refusal("head_timeout")
            self.transport.write(as_bytes(HEAD_TIMEOUT))
            self.force_close()

    def _count_refusal(self, kind: str) -> None:
        if self._connections is not None:
            self._connections.refused(kind)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_answer(self) -> None:
        """Aborts the connection if the caller has read nothing since the last check; else checks
        again after ANSWER_SECONDS.
        """
        if self.transport is None:
            return
        unsent = self.transport.get_write_buffer_size()
        if self._answer_timer is not None and unsent >= self._unsent:
            self.transport.abort()
            return
        self._unsent = unsent
        self._answer_timer = self._loop.call_later(ANSWER_SECONDS, self._watch_answer)

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _part(self) -> None:
        """Closes our side and stops reading, but ends the connection only after PARTING_SECONDS: a
        reset at once would discard the answer before the caller has read it.
        """
        transport, self.transport = self.transport, None
        self.force_close()
        if transport is not None and not transport.is_closing():
            self._parting = transport
            if transport.can_write_eof():
                transport.pause_reading()
                transport.write_eof()
            else:  # TLS closes both sides, once what was written is sent
                transport.close()
            self._loop.call_later(PARTING_SECONDS, transport.abort)


class _RefusedConnection(asyncio.Protocol):
    """A connection that was refused: it ignores what the caller sends."""


def _is_of_header(error: LineTooLong) -> bool:
    """Whether the error is about a header, and not about a request line, which ends at less."""
    return MAX_FIELD_BYTES in error.args


def _refuse(transport: asyncio.Transport) -> None:
    transport.set_protocol(_RefusedConnection())
    transport.write(as_bytes(TOO_MANY_CONNECTIONS))
    transport.close()


def _peer_of(transport: asyncio.BaseTransport) -> str:
    """The address at the other end, without its port."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""
