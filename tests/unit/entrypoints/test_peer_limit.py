"""Peers that try invalid tokens are slowed down, and only they."""

from contextlib import ExitStack, suppress

import pytest

from customers.core.errors.verification import InvalidVerificationToken, TooManyAttempts
from customers.entrypoints.admission.peer_limit import PeerLimit


class Seconds:
    """A clock in seconds that only tests move."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def fail(limit: PeerLimit, peer: str, times: int = 1) -> None:
    for _ in range(times):
        with suppress(InvalidVerificationToken), limit.attempt(peer):
            raise InvalidVerificationToken


def wait_of(limit: PeerLimit, peer: str) -> int:
    """The seconds that the peer has to wait, as it is told for an invalid token; 0 if it is not."""
    try:
        with limit.attempt(peer):
            raise InvalidVerificationToken
    except TooManyAttempts as error:
        return error.retry_after_seconds
    except InvalidVerificationToken:
        return 0


def test_ten_invalid_tokens_a_minute_are_tried() -> None:
    limit = PeerLimit(seconds := Seconds())
    fail(limit, "192.0.2.1", 10)
    assert (wait_of(limit, "192.0.2.1"), wait_of(limit, "192.0.2.2")) == (6, 0)
    seconds.now += 5.5
    assert wait_of(limit, "192.0.2.1") == 1
    seconds.now += 0.5
    assert wait_of(limit, "192.0.2.1") == 0
    assert wait_of(limit, "192.0.2.1") == 6


def test_a_peer_saves_no_more_than_ten_attempts() -> None:
    limit = PeerLimit(seconds := Seconds())
    fail(limit, "192.0.2.1", 3)
    seconds.now += 86_400
    fail(limit, "192.0.2.1", 10)
    assert wait_of(limit, "192.0.2.1") == 6


def test_valid_tokens_and_failures_of_the_service_cost_nothing() -> None:
    limit = PeerLimit(Seconds())
    for _ in range(100):
        with limit.attempt("192.0.2.1"):
            pass
        with suppress(ZeroDivisionError), limit.attempt("192.0.2.1"):
            raise ZeroDivisionError
    fail(limit, "192.0.2.1", 9)
    assert wait_of(limit, "192.0.2.1") == 0


def test_attempts_that_are_under_way_count() -> None:
    limit = PeerLimit(Seconds())
    fail(limit, "192.0.2.1", 9)
    with limit.attempt("192.0.2.1"):
        assert wait_of(limit, "192.0.2.1") == 6
    assert wait_of(limit, "192.0.2.1") == 0


def test_a_valid_token_is_accepted_of_a_peer_without_attempts_left() -> None:
    limit = PeerLimit(Seconds())
    fail(limit, "192.0.2.1", 10)
    with limit.attempt("192.0.2.1"):
        pass
    assert wait_of(limit, "192.0.2.1") == 6


def test_few_tokens_of_peers_without_attempts_left_are_tried_at_the_same_time() -> None:
    limit = PeerLimit(Seconds())
    for number in range(5):
        fail(limit, f"192.0.2.{number}", 10)
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(limit.attempt(f"192.0.2.{number}"))
        with pytest.raises(TooManyAttempts), limit.attempt("192.0.2.4"):
            pytest.fail("a fifth is not tried")
    with limit.attempt("192.0.2.4"):
        pass


@pytest.mark.parametrize(
    ("peer", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "192.0.2.1", False),
    ],
)
def test_an_ipv6_network_is_one_peer(peer: str, other: str, is_same: bool) -> None:
    limit = PeerLimit(Seconds())
    fail(limit, peer, 10)
    assert (wait_of(limit, other) > 0) is is_same


def test_only_the_last_peers_are_remembered() -> None:
    limit = PeerLimit(Seconds(), max_peers=3)
    for number in range(4):
        fail(limit, f"192.0.2.{number}", 10)
    waits = [wait_of(limit, f"192.0.2.{number}") for number in (1, 2, 3, 0)]
    assert waits == [6, 6, 6, 0]
