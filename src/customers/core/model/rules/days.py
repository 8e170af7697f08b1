"""Days in rules: 24 hours each, independent of time zones.

A date is at least n whole days old if it is at or before `now - duration(n)`, so a storage can
compare a stored moment with a threshold instead of computing ages.
"""

from datetime import datetime, timedelta
from decimal import Decimal

_DAY = timedelta(days=1)
_MICROSECONDS = _DAY // timedelta(microseconds=1)


def age(moment: datetime, now: datetime) -> int:
    """The whole days from a moment to now; 0 for a moment in the future."""
    return max((now - moment) // _DAY, 0)


def duration(days: Decimal) -> timedelta:
    """The duration of a number of days, rounded down to whole microseconds."""
    numerator, denominator = days.as_integer_ratio()
    return timedelta(microseconds=numerator * _MICROSECONDS // denominator)
