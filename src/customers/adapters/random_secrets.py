"""Secrets from the random numbers of the operating system."""

from secrets import token_bytes

from customers.core.model.api_key import SECRET_BYTES
from customers.core.ports.api_keys import SecretGenerator


class RandomSecrets(SecretGenerator):
    def new(self) -> bytes:
        return token_bytes(SECRET_BYTES)
