"""What a caller sends beside the request itself, on either interface."""

from collections.abc import Sequence
from typing import Protocol

from customers.core.errors.access import InvalidToken


class Caller(Protocol):
    @property
    def peer(self) -> str:
        """The address of who holds the other end of the connection; empty if it has none."""
        ...

    @property
    def certificate_names(self) -> Sequence[str]:
        """The names (SAN) in the certificate of the caller, which was verified."""
        ...

    def values(self, name: str) -> Sequence[str]:
        """The values of a header, or of a key of the metadata, by its name in lower case."""
        ...


def single_value(caller: Caller, name: str) -> str:
    """The value of a header, without white space around it; empty without one.

    Raises InvalidToken for several: somebody may have added one to that of a gateway.
    """
    values = caller.values(name)
    if len(values) > 1:
        raise InvalidToken(f"{name} is given more than once")
    return values[0].strip() if values else ""
