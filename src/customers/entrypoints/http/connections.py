"""The open connections of a process. Limits their number, in all and from one peer.

At the limit, a new connection replaces one that waits for its caller: of the least recently used
ones, one that waits for a head, else one that waits for a body. So silent and slow callers cannot
keep others out. A connection at work is never replaced; if all of those that are looked at are at
work, the new one is refused.
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
# How many connections are looked at to find one that can give way. If all of them are at work, they
# are put behind the others, so that the next search begins elsewhere.
_LOOKED_AT: Final = 64


class ConnectionMetrics(Protocol):
    """The metrics of connections."""

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
        """Whether the connection waits for a request, or for the rest of its head."""
        ...

    @property
    def awaits_body(self) -> bool:
        """Whether the connection waits for the rest of a body."""
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
    """The open connections, in the order of their last use."""

    _limits: ConnectionLimits
    _metrics: ConnectionMetrics
    _all: dict[Connection, None] = field(factory=dict, init=False)
    _by_peer: dict[str, dict[Connection, None]] = field(
        factory=lambda: defaultdict(dict), init=False
    )
    _over_limit_since_log: int = field(default=0, init=False)
    _next_log: float = field(default=0.0, init=False)

    def open(self, connection: Connection) -> bool:
        """Adds a new connection, and ends another one if that is necessary. False if the new one
        must be refused. A connection over a limit is counted and logged.
        """
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
        """Marks a connection as the one that was used last."""
        for connections in (self._all, self._by_peer.get(connection.peer, {})):
            if connection in connections:
                del connections[connection]
                connections[connection] = None

    def close(self, connection: Connection) -> None:
        """Removes a connection; does nothing if it was refused or is removed already."""
        if connection not in self._all:
            return
        del self._all[connection]
        of_peer = self._by_peer[connection.peer]
        del of_peer[connection]
        if not of_peer:
            del self._by_peer[connection.peer]
        self._metrics.set_connections(len(self._all))

    def refused(self, kind: str) -> None:
        """Counts a request that a connection itself refused because of the limit of this kind."""
        self._metrics.refused(kind)

    def _exceeded(self, peer: str) -> str | None:
        """The limit that one more connection would exceed, if any."""
        if peer in self._by_peer and len(self._by_peer[peer]) >= self._limits.of_peer:
            return OF_PEER
        return OF_PROCESS if len(self._all) >= self._limits.of_process else None

    def _make_room(self, connections: dict[Connection, None]) -> bool:
        """Ends one of the connections; False if all of the first _LOOKED_AT ones are at work."""
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
        """Counts a connection over a limit, and logs at most one line per LOG_SECONDS."""
        self._metrics.refused(kind)
        self._over_limit_since_log += 1
        if (now := asyncio.get_running_loop().time()) < self._next_log:
            return
        count, self._over_limit_since_log = self._over_limit_since_log, 0
        self._next_log = now + LOG_SECONDS
        logger().warning("connections over the limit", limit=kind, count=count, open=len(self._all))
