"""Keeps the connections of callers below the limit on open files of the process."""

import resource
from typing import Final

from attrs import frozen

# For listeners, the event loop, log files, the embedded server, connections to METRICS_PORT and
# short-lived files; the database's connections come on top.
_RESERVED: Final = 128
_RPC_SHARE: Final = 4
_MAX_RPC: Final = 1_000


@frozen(kw_only=True)
class OpenConnections:
    """How many connections callers may have open at once, at the HTTP port and the gRPC port."""

    http: int
    rpc: int


def open_connections(max_http: int, *, other_files: int) -> OpenConnections:
    """The connections for which there are files: a quarter for gRPC but at most 1,000, for HTTP
    the rest but at most `max_http`; at least one each.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return OpenConnections(http=max_http, rpc=_MAX_RPC)
    left = limit - _RESERVED - other_files
    rpc = max(min(left // _RPC_SHARE, _MAX_RPC), 1)
    return OpenConnections(http=max(min(max_http, left - rpc), 1), rpc=rpc)
