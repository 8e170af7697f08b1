"""What authentication needs from a call, over REST or gRPC: address, certificate and headers."""

from collections.abc import Sequence
from typing import Protocol

from customers.core.errors.access import InvalidToken


class Caller(Protocol):
    @property
    def peer(self) -> str:
        """The IP address at the other end of the connection; empty if there is none."""
        ...

    @property
    def certificate_names(self) -> Sequence[str]:
        """The names (SAN) in the caller's client certificate, which TLS has verified."""
        ...

    def values(self, name: str) -> Sequence[str]:
        """The values of an HTTP header or gRPC metadata key; `name` is in lower case."""
        ...


def single_value(caller: Caller, name: str) -> str:
    """The value of a header, without white space around it; empty if the header is missing.

    Raises InvalidToken for several values: a caller may have added one to the gateway's.
    """
    values = caller.values(name)
    if len(values) > 1:
        raise InvalidToken(f"{name} is given more than once")
    return values[0].strip() if values else ""
