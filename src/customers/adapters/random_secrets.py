"""Secrets from the operating system's random number generator."""

from secrets import token_bytes
from typing import Final

from customers.core.ports.random_secrets import RandomSecrets

_BYTES: Final = 32


class SystemRandomSecrets(RandomSecrets):
    def new(self) -> bytes:
        return token_bytes(_BYTES)
