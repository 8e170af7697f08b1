"""Faults of a storage are logged at most once a second for each kind."""

import logging

import pytest

from customers.adapters.postgres.engine.fault_log import FaultLog
from customers.core.errors.availability import StorageFault

LOCKED = StorageFault(kind="locked", cause="a row stays locked", remedy="unlock it", place="db:1")
FULL = StorageFault(
    kind="disk_full", cause="the disk is full", remedy="free some", sqlstate="53100"
)


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def test_a_fault_is_logged_as_one_sentence(messages: pytest.LogCaptureFixture) -> None:
    FaultLog(lambda: 5.0).log(LOCKED)
    assert messages.messages == ["storage unavailable: db:1: a row stays locked: unlock it"]


def test_a_kind_is_logged_again_after_a_second(messages: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 0.5, 0.99, 1.0, 1.5])
    log = FaultLog(lambda: next(times))
    for _ in range(5):
        log.log(LOCKED)
    assert len(messages.messages) == 2


def test_another_kind_is_logged_at_once(messages: pytest.LogCaptureFixture) -> None:
    log = FaultLog(lambda: 0.0)
    for _ in range(3):
        log.log(LOCKED)
        log.log(FULL)
    assert messages.messages == [
        "storage unavailable: db:1: a row stays locked: unlock it",
        "storage unavailable: the disk is full (SQLSTATE 53100): free some",
    ]
