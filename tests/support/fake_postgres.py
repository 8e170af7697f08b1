"""A server that speaks only as much of PostgreSQL's protocol as a failing connection sees.

The embedded server has no TLS, and a real one is hard to get into most of these states.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

CERTIFICATE = Path(__file__).with_name("untrusted_certificate.pem")
_TLS_REQUEST = 80877103


@frozen(kw_only=True)
class Refusal:
    """What the server answers to a connection; `silent`: nothing at all."""

    sqlstate: str = "28000"
    message: str = ""
    offers_tls: bool = False
    silent: bool = False


@contextmanager
def refusing_server(refusal: Refusal) -> Iterator[int]:
    """The port of a server that refuses every connection while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, refusal), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, refusal: Refusal) -> None:
    with suppress(OSError):  # the listener was closed
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client gave up, or rejects the certificate
                if refusal.silent:
                    connection.recv(1_000)
                    connection.recv(1)  # until the client gives up
                else:
                    _answer(connection, refusal)


def _answer(connection: socket.socket, refusal: Refusal) -> None:
    code = _startup(connection)
    if code == _TLS_REQUEST and refusal.offers_tls:
        connection.sendall(b"S")
        with _with_tls(connection) as encrypted:
            if _startup(encrypted) is not None:
                _refuse(encrypted, refusal)
    elif code == _TLS_REQUEST:
        connection.sendall(b"N")
        if _startup(connection) is not None:
            _refuse(connection, refusal)
    elif code is not None:
        _refuse(connection, refusal)


def _refuse(connection: socket.socket, refusal: Refusal) -> None:
    fields = {"S": "FATAL", "V": "FATAL", "C": refusal.sqlstate, "M": refusal.message}
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    connection.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)
    connection.recv(1)  # until the client closes the connection


def _startup(connection: socket.socket) -> int | None:
    """The code in the first message: a TLS request or a protocol version; None if it is cut off."""
    header = connection.recv(8)
    if len(header) < 8:
        return None
    length, code = struct.unpack("!ii", header)
    if length > 8:
        connection.recv(length - 8)
    return int(code)


def _with_tls(connection: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context.wrap_socket(connection, server_side=True)
