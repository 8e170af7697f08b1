"""How many files a process may open, and how many of them connections of callers may be."""

import resource
from typing import Final

# Listeners, the event loop, log files, the embedded server, gRPC callers, and what is opened for a
# moment; the database's connections come on top.
_RESERVED: Final = 128


def max_connections(desired: int, *, other_files: int) -> int:
    """The connections that callers may open: `desired`, or fewer where the limit of open
    files is lower; at least one.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return desired
    return max(min(desired, limit - _RESERVED - other_files), 1)
