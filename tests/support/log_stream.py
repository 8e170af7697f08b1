"""A stream for the log of a test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO


@contextmanager
def log_stream() -> Iterator[StringIO]:
    """A stream to configure logging with; after the block, logging is as it was before."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield StringIO()
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)
