"""Errors of the driver, of the network and of the server, explained to operators.

A failure is recognised by its type, SQLSTATE or error number, never by the server's message, which
is quoted only where it can name settings, roles and files, but no values of rows.
"""

import errno
import re
import socket
import ssl
from typing import TypeAlias

import asyncpg
from asyncpg import InternalClientError, PostgresError

from customers.adapters.postgres.engine.address import DatabaseAddress
from customers.core.errors.availability import FaultKind, StorageFault, WriteConflict

# The server's messages of these classes and states hold no data of customers.
_QUOTED = tuple("08 28 3D 53 57 58 25006 42501 42P01 3F000 42704 22023 55000".split())
_MAX_QUOTED_LENGTH = 200
# Waiting does not cure these kinds.
_PERMANENT = ("invalid_parameter", "invalid_url")
_ERROR_NUMBER = re.compile(r"\[Errno (\d+)\]")

# The kind of a fault, its cause and its remedy.
_Words: TypeAlias = tuple[FaultKind, str, str]

# OpenSSL's codes: the certificate does not match the host name, or the IP address.
_WRONG_NAME = frozenset((62, 64))
_NO_CERTIFICATE = frozenset(("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE"))

_CHECK_URL = "correct the host and the port in DATABASE_URL"
_BY_STATE: dict[str, _Words] = {
    "28P01": (
        "authentication_failed",
        "the password is wrong, or the role does not exist",
        "correct the role and the password in DATABASE_URL",
    ),
    "28000": (
        "connection_rejected",
        "the server rejects this connection",
        "allow the role in pg_hba.conf, or correct the role and sslmode in DATABASE_URL",
    ),
    "3D000": (
        "no_database",
        "the database does not exist",
        "create it with CREATE DATABASE, or correct its name in DATABASE_URL",
    ),
    "3F000": (
        "no_schema",
        "no schema of the search_path exists",
        "create the schema, or correct the search_path of the role or of DATABASE_URL",
    ),
    "25006": (
        "read_only",
        "the server is read-only",
        "point DATABASE_URL to the primary, or turn default_transaction_read_only off",
    ),
    "42501": (
        "no_permission",
        "the role lacks a permission",
        "grant it to the role, or use the role that owns the tables",
    ),
    "42P01": ("not_migrated", "a table of the service is missing", "run `customers migrate`"),
    "42703": (
        "schema_mismatch",
        "the tables are not those of this program",
        "compare them with `customers migrate --status`",
    ),
    "42704": (
        "invalid_parameter",
        "a parameter in DATABASE_URL is unknown to the server",
        "correct the part of DATABASE_URL after the question mark",
    ),
    "22023": (
        "invalid_parameter",
        "a parameter in DATABASE_URL has an invalid value",
        "correct the part of DATABASE_URL after the question mark",
    ),
    "55000": (
        "connections_not_allowed",
        "the database does not accept connections",
        "allow them with ALTER DATABASE ... ALLOW_CONNECTIONS true, or use another database",
    ),
    "53100": ("disk_full", "the disk of the server is full", "free some space on it"),
    "53200": ("out_of_memory", "the server is out of memory", "give it more, or lower POOL_SIZE"),
    "53300": (
        "too_many_connections",
        "the server accepts no more connections",
        "lower POOL_SIZE or WORKERS, or raise max_connections or the role's CONNECTION LIMIT",
    ),
    "55P03": ("locked", "a row or table stays locked", "end the transaction that holds the lock"),
    "57014": (
        "statement_timeout",
        "a statement was cancelled, most likely by STATEMENT_TIMEOUT or REQUEST_TIMEOUT",
        "look for locks in pg_stat_activity, or raise the time-out",
    ),
    "57P03": ("starting", "the server is starting up or shutting down", "wait until it is up"),
    "58P01": (
        "missing_file",
        "the server lacks a file",
        "install the server's contrib modules (pg_trgm and btree_gin)",
    ),
}
_BY_CLASS: dict[str, _Words] = {
    "08": ("connection_lost", "the connection was lost", "check the server's log"),
    "28": _BY_STATE["28000"],
    "40": (
        "conflict",
        "the server ended a transaction because of another one",
        "nothing: the caller tries again",
    ),
    "53": ("out_of_resources", "the server is out of a resource", "check the server's log"),
    "57": ("server_intervened", "the server ended the connection", "check the server's log"),
    "58": ("server_failure", "the server failed at a file", "check the server's log"),
}
_OTHER: _Words = ("failure", "the server reports an error", "check the server's log")


def fault_of(error: Exception, *, address: DatabaseAddress | None = None) -> StorageFault:
    """The fault that explains an error of the driver, with the address if that is passed."""
    state = (error.sqlstate or "") if isinstance(error, PostgresError) else ""
    kind, cause, remedy = _of_state(state) if state else _of_connection(error)
    return StorageFault(
        kind=kind,
        cause=cause + _quotation(error, state),
        remedy=remedy,
        place="" if address is None else str(address),
        sqlstate=state,
        is_permanent=kind in _PERMANENT,
    )


def read_only_fault() -> StorageFault:
    """The fault of a database in which nothing can be written."""
    kind, cause, remedy = _BY_STATE["25006"]
    return StorageFault(kind=kind, cause=cause, remedy=remedy)


def was_rolled_back(error: Exception) -> bool:
    """Whether the server says that a statement has changed nothing. Other errors may come after the
    commit.
    """
    return isinstance(error, PostgresError | WriteConflict)


def cancellation_fault() -> StorageFault:
    """The fault of a statement that was cancelled because it had no result at its deadline."""
    kind, cause, remedy = _BY_STATE["57014"]
    return StorageFault(kind=kind, cause=cause, remedy=remedy)


def _of_state(state: str) -> _Words:
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], _OTHER)


def _quotation(error: Exception, state: str) -> str:
    if not state.startswith(_QUOTED):
        return ""
    message = str(error.args[0] if error.args else "").partition("\n")[0]
    return f'; the server says "{message[:_MAX_QUOTED_LENGTH]}"' if message else ""


def _of_connection(error: Exception) -> _Words:
    """The words for an error that is not the server's, but of the network, TLS or the driver."""
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, asyncpg.ClientConfigurationError):
        reason = " ".join(str(error).partition("HINT:")[0].split())
        return "invalid_url", f"DATABASE_URL cannot be used ({reason})", "correct it"
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        cause = "no server is in the state that target_session_attrs asks for"
        return "no_matching_server", cause, "correct target_session_attrs in DATABASE_URL"
    if isinstance(error, OSError):
        return _of_network(error)
    if isinstance(error, InternalClientError):
        return "connection_lost", "the server broke the protocol", "check the server's log"
    return "connection_lost", "the connection was lost", "check that the server runs"


def _of_tls(error: ssl.SSLError) -> _Words:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate_rejected", *_of_certificate(error)
    if error.reason in _NO_CERTIFICATE:
        cause = "the file that sslrootcert or sslcrl names has no certificate or revocation list"
        return "missing_file_here", cause, "name a file in PEM form with that parameter"
    cause = f"TLS failed ({error.reason or type(error).__name__})"
    return "tls_failed", cause, "check sslmode in DATABASE_URL and the TLS settings of the server"


def _of_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Why the certificate of the server is rejected, and the remedy."""
    if error.verify_code in _WRONG_NAME:
        cause = f"the certificate of the server has another name ({error.verify_message})"
        return cause, "use a name of the certificate in DATABASE_URL, or sslmode=verify-ca"
    cause = f"the certificate of the server is not trusted ({error.verify_message})"
    return cause, "name the certificate authority with sslrootcert=… in DATABASE_URL"


def _of_network(error: OSError) -> _Words:
    number = _number(error)
    if isinstance(error, socket.gaierror):
        return "unknown_host", "the host name cannot be resolved", _CHECK_URL
    if isinstance(error, TimeoutError) or number == errno.ETIMEDOUT:
        remedy = f"{_CHECK_URL}, or let the firewall pass the connection"
        return "no_answer", "no answer in time", remedy
    if number == errno.ECONNREFUSED:
        remedy = f"start PostgreSQL, or {_CHECK_URL}"
        return "connection_refused", "no server listens there (connection refused)", remedy
    if type(error) is ConnectionError:  # asyncpg's own, for a refused request for TLS
        remedy = "turn ssl on at the server, or set sslmode=prefer in DATABASE_URL"
        return "tls_not_offered", "sslmode requires TLS, which the server does not offer", remedy
    if isinstance(error, FileNotFoundError | PermissionError):
        reason = (error.strerror or str(error)).lower()
        cause = f"a file or socket that DATABASE_URL names cannot be opened ({reason})"
        return "missing_file_here", cause, "correct its path"
    cause = f"the connection failed ({error.strerror or error})"
    return "connection_failed", cause, f"check that the server runs, or {_CHECK_URL}"


def _number(error: OSError) -> int | None:
    """The error number; if several addresses were tried, the first in the message, if any."""
    if error.errno is not None:
        return error.errno
    named = _ERROR_NUMBER.search(str(error))
    return int(named[1]) if named else None
