"""Slows down peers (addresses of callers) that try invalid verification tokens."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final

from customers.core.errors.verification import InvalidVerificationToken, TooManyAttempts

# How many invalid tokens a peer may try at once, and how many in a minute.
_ATTEMPTS: Final = 10
_PER_SECOND: Final = _ATTEMPTS / 60
# How many tokens of peers without attempts left are tried at the same time: each costs a look-up.
_MAX_EXTRA: Final = 4
# All IPv6 addresses of a network of this size count as one peer: one caller may have all of them.
_IPV6_PREFIX: Final = 64


class PeerLimit:
    """Limits the attempts of each peer, by a token bucket for each of the last `max_peers` peers.

    Attempts with a valid token, or that fail for another reason, cost nothing, and a valid token is
    accepted of a peer without attempts left too, so that callers behind one gateway do not stop
    each other. Each process has buckets of its own. `seconds` is a clock that never goes back.
    """

    def __init__(self, seconds: Callable[[], float], *, max_peers: int = 10_000) -> None:
        self._seconds = seconds
        self._max_peers = max_peers
        # How many attempts each peer had left, and at which time; the latest peer is the last one.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        # How many tokens of peers without attempts left are being tried.
        self._extra = 0

    @contextmanager
    def attempt(self, peer: str) -> Iterator[None]:
        """A block that tries a token. For a peer without attempts left, TooManyAttempts is raised
        instead of InvalidVerificationToken, and instead of entering the block when some such tokens
        are being tried already.
        """
        group = _group(peer)
        if (left := self._attempts_left(group)) < 1:
            with self._extra_attempt(retry_after=ceil((1 - left) / _PER_SECOND)):
                yield
            return
        self._keep(group, left - 1)
        is_invalid = False
        try:
            yield
        except InvalidVerificationToken:
            is_invalid = True
            raise
        finally:
            if not is_invalid:
                self._keep(group, self._attempts_left(group) + 1)

    @contextmanager
    def _extra_attempt(self, retry_after: int) -> Iterator[None]:
        if self._extra >= _MAX_EXTRA:
            raise TooManyAttempts(retry_after)
        self._extra += 1
        try:
            yield
        except InvalidVerificationToken:
            raise TooManyAttempts(retry_after) from None
        finally:
            self._extra -= 1

    def _attempts_left(self, group: str) -> float:
        left, at = self._left.get(group, (float(_ATTEMPTS), self._seconds()))
        return min(left + (self._seconds() - at) * _PER_SECOND, _ATTEMPTS)

    def _keep(self, group: str, left: float) -> None:
        self._left[group] = (min(left, _ATTEMPTS), self._seconds())
        self._left.move_to_end(group)
        if len(self._left) > self._max_peers:
            self._left.popitem(last=False)


def _group(peer: str) -> str:
    """The key of a peer's bucket: its IPv4 address, its IPv6 network, or else the text itself."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))
