"""Keeps the connections of callers below the limit on open files of the process."""

import resource
from typing import Final

# For listeners, the event loop, log files, the embedded server, gRPC callers and short-lived files;
# the database's connections come on top.
_RESERVED: Final = 128


def max_connections(desired: int, *, other_files: int) -> int:
    """The number of connections that callers may open: `desired`, or fewer if the limit on open
    files is lower; at least one.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return desired
    return max(min(desired, limit - _RESERVED - other_files), 1)
