"""What the database refuses, in the core's words.

A constraint is known by its name, a failure by its SQLSTATE, never by a message. What is not
listed here is a defect and keeps its own face.
"""

from typing import NoReturn

from asyncpg import InterfaceError, InternalClientError, PostgresError

from customers.core.errors import (
    CustomersError,
    EmailTaken,
    PaymentMethodTaken,
    SegmentNameTaken,
    Unavailable,
)

DRIVER_ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)

_TAKEN: dict[str, type[CustomersError]] = {
    "customers_email_key": EmailTaken,
    "customer_payment_methods_token": PaymentMethodTaken,
    "customer_segments_name_key": SegmentNameTaken,
}
_AWAY_CLASSES = frozenset(
    (
        "08",  # connection exceptions
        "28",  # not let in
        "53",  # out of connections, memory or disk
        "57",  # cancelled by a time-out, shutting down, starting up
        "58",  # input or output errors of the server
    )
)
_AWAY = frozenset(
    (
        "25006",  # a standby: the primary has moved
        "25P03",  # idle in a transaction for too long
        "3D000",  # no such database, yet
        "40001",  # serialization failure
        "40P01",  # deadlock
        "42P01",  # no such table, yet: not migrated
        "55P03",  # a lock was not to be had
    )
)


def translate(error: Exception, *, lost: bool) -> NoReturn:
    """Raises the core's error for one of DRIVER_ERRORS, and a defect as it is.

    `lost`: the connection was closed under the statement.
    """
    taken = _TAKEN.get(getattr(error, "constraint_name", None) or "")
    if taken is not None:
        raise taken from error
    if lost or is_away(error):
        raise Unavailable from error
    raise error


def is_away(error: Exception) -> bool:
    """Whether the same statement may succeed later, on a database that is well.

    A server that dies in the middle of a word leaves the driver with an InternalClientError.
    """
    if not isinstance(error, PostgresError):
        return isinstance(error, OSError | InternalClientError)
    state = error.sqlstate or ""
    return state in _AWAY or state[:2] in _AWAY_CLASSES
