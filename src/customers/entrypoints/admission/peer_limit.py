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
# All IPv6 addresses of a network of this size count as one peer: one caller may have all of them.
_IPV6_PREFIX: Final = 64


class PeerLimit:
    """Limits the attempts of each peer, by a token bucket for each of the last `max_peers` peers.

    Attempts with a valid token, or that fail for another reason, cost nothing, so that callers
    behind one gateway do not slow each other down. Each process has buckets of its own. `seconds`
    is a clock that never goes back.
    """

    def __init__(self, seconds: Callable[[], float], *, max_peers: int = 10_000) -> None:
        self._seconds = seconds
        self._max_peers = max_peers
        # How many attempts each peer had left, and at which time; the latest peer is the last one.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @contextmanager
    def attempt(self, peer: str) -> Iterator[None]:
        """A block that tries a token. Raises TooManyAttempts instead of entering it."""
        group = _group(peer)
        if (left := self._attempts_left(group)) < 1:
            raise TooManyAttempts(ceil((1 - left) / _PER_SECOND))
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
