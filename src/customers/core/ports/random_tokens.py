"""Random tokens, which the core does not take from the system."""

from typing import Protocol


class RandomTokens(Protocol):
    def new(self) -> str:
        """A token of 256 random bits that nobody can guess, in characters that URLs may hold."""
        ...
