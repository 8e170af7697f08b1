"""Random secrets, which the core gets through this port, not from the system."""

from typing import Protocol


class RandomSecrets(Protocol):
    def new(self) -> bytes:
        """32 random bytes that nobody can guess."""
        ...
