"""Translates errors of the driver into errors of the core.

A constraint is matched by its name, a failure by its type or SQLSTATE, never by a message. An error
that is not listed here is a defect and is raised unchanged, unless the connection was lost.
"""

from typing import NoReturn

from asyncpg import ClientConfigurationError, InterfaceError, InternalClientError, PostgresError

from customers.adapters.postgres.engine.faults import fault_of
from customers.core.errors import CustomersError, EmailTaken, PaymentMethodTaken, SegmentNameTaken
from customers.core.errors.availability import Unavailable, WriteConflict

DRIVER_ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)

_BY_CONSTRAINT: dict[str, type[CustomersError]] = {
    "customers_email_key": EmailTaken,
    "customer_payment_methods_token": PaymentMethodTaken,
    "customer_segments_name_key": SegmentNameTaken,
}
_CONFLICT_STATES = frozenset(("40001", "40P01"))
_UNAVAILABLE_CLASSES = frozenset(
    (
        "08",  # connection exceptions
        "28",  # authentication refused
        "53",  # out of connections, memory or disk
        "57",  # cancelled by a time-out, shutting down, starting up
        "58",  # input or output errors of the server
    )
)
_UNAVAILABLE_STATES = frozenset(
    (
        "25006",  # a standby: the primary has moved
        "25P03",  # idle in a transaction for too long
        "3D000",  # no such database, yet
        "3F000",  # no such schema, yet
        "40001",  # serialization failure
        "40P01",  # deadlock
        "42501",  # a permission is missing
        "42703",  # no such column: the schema is that of another release
        "42P01",  # no such table: not migrated yet
        "55P03",  # a lock was not available
    )
)


def translate(error: Exception, *, connection_lost: bool) -> NoReturn:
    """Raises the core's error for one of DRIVER_ERRORS, or the error itself if it is a defect."""
    taken = _BY_CONSTRAINT.get(getattr(error, "constraint_name", None) or "")
    if taken is not None:
        raise taken from error
    if getattr(error, "sqlstate", None) in _CONFLICT_STATES:
        raise WriteConflict(fault=fault_of(error)) from error
    if connection_lost or is_temporary(error):
        raise Unavailable(fault=fault_of(error)) from error
    raise error


def is_temporary(error: Exception) -> bool:
    """Whether the same statement may succeed later, or once an operator has removed the cause.

    A server that dies in the middle of a message leaves the driver with an InternalClientError.
    """
    if not isinstance(error, PostgresError):
        return isinstance(error, OSError | InternalClientError | ClientConfigurationError)
    state = error.sqlstate or ""
    return state in _UNAVAILABLE_STATES or state[:2] in _UNAVAILABLE_CLASSES
