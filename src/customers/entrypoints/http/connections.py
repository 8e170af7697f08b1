"""The open connections of a process: how many there may be, in all and of one peer.

They are counted where a connection is made (`protocol.py`); what a connection may do is not decided
here.
"""

import asyncio
from collections import Counter
from typing import Final, Protocol

from attrs import define, field, frozen

from customers.entrypoints.observability.logs import logger

OF_PROCESS: Final = "connections"
OF_PEER: Final = "connections_of_peer"
LOG_SECONDS: Final = 1.0


class ConnectionMetrics(Protocol):
    """What is counted about connections."""

    def set_connections(self, count: int) -> None: ...
    def refused(self, kind: str) -> None: ...


@frozen(kw_only=True)
class ConnectionLimits:
    """How many connections may be open at once, in all and from one address."""

    of_process: int
    of_peer: int


@define(eq=False)
class Connections:
    """The open connections by the address of their peer."""

    _limits: ConnectionLimits
    _metrics: ConnectionMetrics
    _by_peer: Counter[str] = field(factory=Counter, init=False)
    _count: int = field(default=0, init=False)
    _refused_since_log: int = field(default=0, init=False)
    _next_log: float = field(default=0.0, init=False)

    def open(self, peer: str) -> bool:
        """Counts a new connection; False if it must be refused, which is counted too."""
        if kind := self._exceeded(peer):
            self._refuse(kind)
            return False
        self._by_peer[peer] += 1
        self._set_count(self._count + 1)
        return True

    def close(self, peer: str) -> None:
        """Forgets a connection that was opened."""
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]
        self._set_count(self._count - 1)

    def _exceeded(self, peer: str) -> str | None:
        """The limit that one more connection would exceed."""
        if self._count >= self._limits.of_process:
            return OF_PROCESS
        return OF_PEER if self._by_peer.get(peer, 0) >= self._limits.of_peer else None

    def _set_count(self, count: int) -> None:
        self._count = count
        self._metrics.set_connections(count)

    def _refuse(self, kind: str) -> None:
        """Counts a refusal; logs all those of a second in one line."""
        self._metrics.refused(kind)
        self._refused_since_log += 1
        if (now := asyncio.get_running_loop().time()) < self._next_log:
            return
        refused, self._refused_since_log = self._refused_since_log, 0
        self._next_log = now + LOG_SECONDS
        logger().warning("connections refused", limit=kind, refused=refused, open=self._count)
