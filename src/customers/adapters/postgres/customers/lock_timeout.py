"""How long a statement waits for a lock, if others wait for the statement."""

from typing import Final

from sqlalchemy import func, literal_column, true

from customers.adapters.postgres.schema.types import TEXT
from customers.core.errors.availability import Unavailable

_LOCK_NOT_AVAILABLE: Final = "55P03"

SHORT_LOCK_TIMEOUT: Final = func.set_config(
    literal_column("'lock_timeout'", TEXT), literal_column("'200ms'", TEXT), true()
).label("lock_timeout")
"""Selected before a statement takes a lock, this ends the statement when a lock is not available
within that time. It holds until the transaction ends.
"""


def has_lock_timed_out(error: Unavailable) -> bool:
    """Whether a lock was not available in time, so that the statement changed nothing."""
    return error.fault is not None and error.fault.sqlstate == _LOCK_NOT_AVAILABLE
