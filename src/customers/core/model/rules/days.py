"""Days as rules count them: 24 hours each, whatever the clocks of a country do.

An age of at least n whole days is a moment at or before `now - span(n)`, so a storage can
compare the stored moment with a threshold instead of computing ages.
"""

from datetime import datetime, timedelta
from decimal import Decimal

_DAY = timedelta(days=1)
_MICROSECONDS = _DAY // timedelta(microseconds=1)


def age(moment: datetime, now: datetime) -> int:
    """Whole days from the moment to now; 0 for a moment to come."""
    return max((now - moment) // _DAY, 0)


def span(days: Decimal) -> timedelta:
    """The longest time, in whole microseconds, that is no more than so many days."""
    numerator, denominator = days.as_integer_ratio()
    return timedelta(microseconds=numerator * _MICROSECONDS // denominator)
