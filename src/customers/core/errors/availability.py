"""The errors of what cannot be done now: the same request may succeed in a moment."""

from typing import ClassVar, Literal

from attrs import frozen

from customers.core.errors import CustomersError

# What docs/faults.md explains, one by one.
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
    """Why a storage cannot be used: for its operators, not for callers of the API.

    `cause` is what happened, in words; `remedy` what to do next; `place` the storage, without
    secrets; `sqlstate` the code of the database, if it gave one; `kind` a name for programs.
    Waiting does not cure a permanent fault.
    """

    kind: FaultKind
    cause: str
    remedy: str
    place: str = ""
    sqlstate: str = ""
    is_permanent: bool = False

    def __str__(self) -> str:
        """All of it as one sentence."""
        place = f"{self.place}: " if self.place else ""
        state = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        return f"{place}{self.cause}{state}: {self.remedy}"


class Unavailable(CustomersError):
    """The storage cannot be reached; the same request may succeed in some seconds.

    The message is for callers; `fault` tells operators why, where the storage knows.
    """

    retry_after_seconds: ClassVar[int] = 2
    code = "STORAGE_UNAVAILABLE"
    message = "the storage is not available, try again in a moment"

    def __init__(self, message: str = "", *, fault: StorageFault | None = None) -> None:
        super().__init__(message)
        self.fault = fault


class WriteConflict(Unavailable):
    """The storage rolled a transaction back in favour of another one, such as in a deadlock; the
    same transaction may succeed at once.
    """


class Busy(CustomersError):
    """Too much is under way or was asked; the same request may succeed in some seconds."""

    retry_after_seconds: int = 1


class TenantBusy(Busy):
    """The tenant has as much under way as one tenant may have."""

    code = "TENANT_BUSY"
    message = "too many requests of this tenant are under way, try again in a moment"


class BatchesBusy(Busy):
    """The batches of orders that are under way leave no room for this one."""

    code = "BATCHES_BUSY"
    message = "too many orders of batches are under way, try again in a moment"
