"""The option --expires of `customers keys create`."""

from datetime import datetime, timedelta

import pytest

from customers.core.errors import Invalid
from customers.entrypoints.process.keys_command import expiry
from tests.support.builders import NOW


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30m", NOW + timedelta(minutes=30)),
        ("2027-01-01T00:00:00+01:00", datetime.fromisoformat("2026-12-31T23:00:00+00:00")),
    ],
)
def test_a_key_expires_after_a_duration_or_at_a_moment(text: str, moment: datetime) -> None:
    assert expiry(text, NOW) == moment


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1w", "1.5h", "2027-01-01", "9999999d"])
def test_another_expiry_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="expires: must be a duration such as 90d"):
        expiry(text, NOW)
