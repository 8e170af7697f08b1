"""File locks (flock), which the system releases when a process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Holds an exclusive lock within the block; waits for the lock as long as it takes."""
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def share(path: Path) -> int:
    """Waits for a shared lock; returns the file descriptor to pass to `release`."""
    lock = _open(path)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def claim(path: Path) -> int | None:
    """Acquires an exclusive lock without waiting; None if any process holds a lock.

    A program that inherits the returned file descriptor holds the lock as well, until it ends.
    """
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_held(path: Path) -> bool:
    """Whether any process holds an exclusive or a shared lock."""
    if (lock := claim(path)) is not None:
        os.close(lock)
    return lock is None


def release(lock: int) -> None:
    """Releases the lock, also for programs that inherited it."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
