"""The request id: returned with the response and written into every log line of the request."""

from uuid_utils import uuid4

MAX_LENGTH = 128


def request_id_of(header: str = "") -> str:
    """The caller's id if it is 1 to 128 printable ASCII characters, else a new one."""
    is_usable = 0 < len(header) <= MAX_LENGTH and header.isascii() and header.isprintable()
    return header if is_usable else str(uuid4())
