"""The id by which a request is found again: in its answer, and in every line of the log."""

from uuid_utils import uuid4

MOST = 128


def request_id_of(given: str = "") -> str:
    """The caller's id when it is printable ASCII and not too long, else a new one."""
    fits = 0 < len(given) <= MOST and given.isascii() and given.isprintable()
    return given if fits else str(uuid4())
