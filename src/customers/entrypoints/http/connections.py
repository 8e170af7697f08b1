"""The open connections of a process: how many there may be, in all and of one peer, and which one
gives way to a new one beyond that.

A connection that waits for its caller gives way, the one that has not been used for longest; so
silent and slow callers cannot keep others out. A connection at work never does. What a connection
may do is not decided here.
"""

import asyncio
from collections import defaultdict
from itertools import islice
from typing import Final, Protocol

from attrs import define, field, frozen

from customers.entrypoints.observability.logs import logger

OF_PROCESS: Final = "connections"
OF_PEER: Final = "connections_of_peer"
LOG_SECONDS: Final = 1.0
# How many connections are looked at to find one that can give way. Those at work are put behind
# the others, so the next search begins elsewhere.
_LOOKED_AT: Final = 64


class ConnectionMetrics(Protocol):
    """What is counted about connections."""

    def set_connections(self, count: int) -> None: ...
    def refused(self, kind: str) -> None: ...


class Connection(Protocol):
    """An open connection."""

    @property
    def peer(self) -> str:
        """The address at the other end, without its port."""
        ...

    @property
    def awaits_head(self) -> bool:
        """Whether it waits for a request, or for the rest of its head."""
        ...

    @property
    def awaits_body(self) -> bool:
        """Whether it waits for the rest of a body."""
        ...

    def give_way(self) -> None:
        """Ends the connection at once, without an answer."""
        ...


@frozen(kw_only=True)
class ConnectionLimits:
    """How many connections may be open at once, in all and from one address."""

    of_process: int
    of_peer: int


@define(eq=False)
class Connections:
    """The open connections, those that were used last at the end."""

    _limits: ConnectionLimits
    _metrics: ConnectionMetrics
    _all: dict[Connection, None] = field(factory=dict, init=False)
    _by_peer: dict[str, dict[Connection, None]] = field(
        factory=lambda: defaultdict(dict), init=False
    )
    _over_limit_since_log: int = field(default=0, init=False)
    _next_log: float = field(default=0.0, init=False)

    def open(self, connection: Connection) -> bool:
        """Counts a new connection; False if it must be refused, which is counted too."""
        if (kind := self._exceeded(connection.peer)) is not None:
            self._report(kind)
            if not self._make_room(
                self._by_peer[connection.peer] if kind == OF_PEER else self._all
            ):
                return False
        self._all[connection] = self._by_peer[connection.peer][connection] = None
        self._metrics.set_connections(len(self._all))
        return True

    def used(self, connection: Connection) -> None:
        """A request has ended: from now on the connection waits for the next one."""
        for connections in (self._all, self._by_peer.get(connection.peer, {})):
            if connection in connections:
                del connections[connection]
                connections[connection] = None

    def close(self, connection: Connection) -> None:
        """Forgets a connection that was opened; does nothing for others."""
        if connection not in self._all:
            return
        del self._all[connection]
        of_peer = self._by_peer[connection.peer]
        del of_peer[connection]
        if not of_peer:
            del self._by_peer[connection.peer]
        self._metrics.set_connections(len(self._all))

    def _exceeded(self, peer: str) -> str | None:
        """The limit that one more connection would exceed."""
        if peer in self._by_peer and len(self._by_peer[peer]) >= self._limits.of_peer:
            return OF_PEER
        return OF_PROCESS if len(self._all) >= self._limits.of_process else None

    def _make_room(self, connections: dict[Connection, None]) -> bool:
        """Ends one of the connections; False if each of those looked at is at work."""
        first = list(islice(connections, _LOOKED_AT))
        chosen = next((one for one in first if one.awaits_head), None) or next(
            (one for one in first if one.awaits_body), None
        )
        if chosen is None:
            for busy in first:
                self.used(busy)
            return False
        self.close(chosen)
        chosen.give_way()
        return True

    def _report(self, kind: str) -> None:
        """Counts a connection over the limit; logs all those of a second in one line."""
        self._metrics.refused(kind)
        self._over_limit_since_log += 1
        if (now := asyncio.get_running_loop().time()) < self._next_log:
            return
        count, self._over_limit_since_log = self._over_limit_since_log, 0
        self._next_log = now + LOG_SECONDS
        logger().warning("connections over the limit", limit=kind, count=count, open=len(self._all))
