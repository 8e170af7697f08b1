"""The gates of the model: the values they accept, and the codes with which they refuse others."""

from datetime import UTC, date, datetime

import pytest

from customers.core.errors import InvalidValue
from customers.core.model.contact_gates import CountryCodeGate, EmailGate, PhoneGate, email_key
from customers.core.model.moments import DayGate, MomentGate
from customers.core.model.values import (
    FlagGate,
    Gate,
    IdGate,
    IdsGate,
    TagsGate,
    TextGate,
    VisibleGate,
    WholeNumberGate,
)

NAME = TextGate(max_length=5)
NOTE = TextGate(max_length=20, multiline=True)


@pytest.mark.parametrize(
    ("gate", "raw", "value"),
    [
        (NAME, "  Ada\u00a0", "Ada"),
        (NAME, "e\u0301e\u0301e\u0301e\u0301e\u0301", "ééééé"),
        (NOTE, "one\r\ntwo\rthree\tx", "one\ntwo\nthree\tx"),
        (EmailGate(), " Ann+x@Example.test ", "Ann+x@Example.test"),
        (EmailGate(), "É@example.test", "É@example.test"),
        (PhoneGate(), "+1 (555) 010-0001 x5", "+1 (555) 010-0001 x5"),
        (CountryCodeGate(), "us", "US"),
        (CountryCodeGate(), "", ""),
        (VisibleGate(), " o/1 ", "o/1"),
        (TagsGate(), ["VIP", "vip", " b "], ("VIP", "b")),
        (FlagGate(), False, False),
        (WholeNumberGate(1, 12), 12, 12),
        (DayGate(), "1990-01-31", date(1990, 1, 31)),
        (DayGate(), "1990-01-31T00:00:00Z", date(1990, 1, 31)),
        (DayGate(), "1990-01-31T00:00:00.000Z", date(1990, 1, 31)),
    ],
)
def test_a_gate_returns_the_value_in_its_stored_form(
    gate: Gate, raw: object, value: object
) -> None:
    assert gate.read(raw) == value


@pytest.mark.parametrize(
    ("gate", "raw", "code"),
    [
        (NAME, 5, "INVALID_TYPE"),
        (NAME, "abcdef", "MAX_LENGTH"),
        (NAME, "a\x00b", "INVALID_VALUE"),
        (NAME, "a\nb", "INVALID_VALUE"),
        (NAME, "\ud800", "INVALID_VALUE"),
        (NOTE, "a\x85b", "INVALID_VALUE"),
        (TextGate(max_length=5, blank=False), "  ", "REQUIRED"),
        (TextGate(max_length=500, min_length=10), "short", "MIN_LENGTH"),
        (EmailGate(), "", "REQUIRED"),
        (EmailGate(), "not-an-address", "INVALID_FORMAT"),
        (EmailGate(), "a b@example.test", "INVALID_FORMAT"),
        (EmailGate(), f"{'a' * 245}@example.test", "MAX_LENGTH"),
        (PhoneGate(), "call me", "INVALID_FORMAT"),
        (PhoneGate(), "٣", "INVALID_FORMAT"),
        (CountryCodeGate(), "USA", "INVALID_FORMAT"),
        (CountryCodeGate(blank=False), " ", "REQUIRED"),
        (VisibleGate(), "a b", "INVALID_FORMAT"),
        (VisibleGate(), "é", "INVALID_FORMAT"),
        (TagsGate(), "vip", "INVALID_TYPE"),
        (TagsGate(), [" "], "REQUIRED"),
        (TagsGate(), [f"tag {number}" for number in range(51)], "MAX_LENGTH"),
        (FlagGate(), 0, "INVALID_TYPE"),
        (WholeNumberGate(1, 12), True, "INVALID_TYPE"),
        (WholeNumberGate(1, 12), 13, "INVALID_VALUE"),
        (DayGate(), "1990-02-30", "INVALID_VALUE"),
        (DayGate(), "1990-01-31T01:00:00Z", "INVALID_FORMAT"),
        (IdGate(), "0190b2f0000070008000000000000001", "INVALID_FORMAT"),
        (IdsGate(limit=2), [], "REQUIRED"),
        (IdsGate(limit=2), ["x"] * 3, "MAX_LENGTH"),
    ],
)
def test_a_gate_refuses_with_a_code(gate: Gate, raw: object, code: str) -> None:
    with pytest.raises(InvalidValue) as error:
        gate.read(raw)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01t02:00:00.1234567+02:00", datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)),
        ("2025-12-31T23:30:00.5-00:30", datetime(2026, 1, 1, 0, 0, 0, 500000, UTC)),
    ],
)
def test_a_moment_is_in_utc_and_whole_microseconds(text: str, moment: datetime) -> None:
    assert MomentGate().read(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "20260101T000000Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00+25:00",
        "2026-01-01T00:00:00+01:60",
        "0001-01-01T00:00:00+14:00",
        "٢026-01-01T00:00:00Z",
        "soon",
    ],
)
def test_a_moment_needs_a_valid_date_a_time_and_an_offset(text: str) -> None:
    with pytest.raises(InvalidValue):
        MomentGate().read(text)


def test_an_email_key_is_lower_cased_but_not_case_folded() -> None:
    assert email_key("É@X.test") == email_key("é@x.TEST")
    assert email_key("straße@x.test") != email_key("strasse@x.test")
