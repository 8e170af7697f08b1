"""Errors of requests that cannot be served now, but may succeed when they are sent again later."""

from typing import ClassVar, Literal

from attrs import frozen

from customers.core.errors import CustomersError

# docs/faults.md explains each of these.
FaultKind = Literal[
    "authentication_failed",
    "certificate_rejected",
    "conflict",
    "connections_not_allowed",
    "connection_failed",
    "connection_lost",
    "connection_refused",
    "connection_rejected",
    "disk_full",
    "failure",
    "foreign_schema",
    "foreign_table",
    "foreign_tables",
    "invalid_parameter",
    "invalid_url",
    "locked",
    "missing_file",
    "missing_file_here",
    "no_answer",
    "no_database",
    "no_extension",
    "no_matching_server",
    "no_permission",
    "no_row_security",
    "no_schema",
    "not_migrated",
    "out_of_memory",
    "out_of_resources",
    "pool_exhausted",
    "read_only",
    "row_security_needed",
    "schema_mismatch",
    "schema_outdated",
    "server_failure",
    "server_intervened",
    "server_too_old",
    "starting",
    "statement_timeout",
    "tls_failed",
    "tls_not_offered",
    "too_many_connections",
    "unknown_host",
    "wrong_currency",
    "wrong_encoding",
]


@frozen(kw_only=True)
class StorageFault:
    """Why a storage cannot be used, for operators of the service and not for callers of its API.

    `cause` is what happened, in words; `remedy` is what to do next; `place` is the address of the
    storage, without secrets; `sqlstate` is the error code of the database, if there is one; `kind`
    is a name for programs. If the fault `is_permanent`, waiting does not help.
    """

    kind: FaultKind
    cause: str
    remedy: str
    place: str = ""
    sqlstate: str = ""
    is_permanent: bool = False

    def __str__(self) -> str:
        """The whole fault as one sentence."""
        place = f"{self.place}: " if self.place else ""
        state = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        return f"{place}{self.cause}{state}: {self.remedy}"


class Unavailable(CustomersError):
    """The storage cannot be used, the request took too long, or the process has too many requests
    under way; the same request may succeed in a few seconds.

    The message is for callers; `fault` tells operators the reason, if the storage knows it.
    """

    retry_after_seconds: ClassVar[int] = 2
    code = "STORAGE_UNAVAILABLE"
    message = "the storage is not available, try again in a moment"

    def __init__(self, message: str = "", *, fault: StorageFault | None = None) -> None:
        super().__init__(message)
        self.fault = fault


class WriteConflict(Unavailable):
    """The storage rolled a transaction back in favour of another one, for example because of a
    deadlock; the same transaction may succeed if it is repeated at once.
    """


class Busy(CustomersError):
    """Too many requests are under way, or were made recently; the same request may succeed after
    `retry_after_seconds`.
    """

    retry_after_seconds: int = 1


class TenantBusy(Busy):
    """The tenant already has its share of the requests under way or of the connections."""

    code = "TENANT_BUSY"
    message = "too many requests of this tenant are under way, try again in a moment"


class BatchesBusy(Busy):
    """The batches of orders under way leave no room for this batch."""

    code = "BATCHES_BUSY"
    message = "too many orders of batches are under way, try again in a moment"
