"""The short lock time-out of a statement for which other calls wait."""

from typing import Final

from sqlalchemy import func, literal_column, true

from customers.adapters.postgres.schema.types import TEXT
from customers.core.errors.availability import Unavailable

_LOCK_NOT_AVAILABLE: Final = "55P03"

SHORT_LOCK_TIMEOUT: Final = func.set_config(
    literal_column("'lock_timeout'", TEXT), literal_column("'200ms'", TEXT), true()
).label("lock_timeout")
"""An expression to select before a statement takes locks: the statement then fails if it has to
wait longer than 200 ms for a lock. It holds until the transaction ends.
"""


def has_lock_timed_out(error: Unavailable) -> bool:
    """Whether a lock was not available in time, so that the statement changed nothing."""
    return error.fault is not None and error.fault.sqlstate == _LOCK_NOT_AVAILABLE
