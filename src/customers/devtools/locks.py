"""Locks on files (flock), given up by dying, too. What each one means is told by its user."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold the file alone within the block; waits, without limit, for the one who holds it."""
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def share(path: Path) -> int:
    """Hold the file together with others; returns the open file to give to `release`."""
    lock = _open(path)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def claim(path: Path) -> int | None:
    """Hold the file alone, or return None at once when anyone holds it.

    A program that inherits the returned open file holds the lock as well, until it ends.
    """
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_held(path: Path) -> bool:
    """Whether anyone holds the file, alone or together."""
    lock = claim(path)
    if lock is None:
        return True
    os.close(lock)
    return False


def release(lock: int) -> None:
    """Give the lock up, also for programs that inherited it."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
