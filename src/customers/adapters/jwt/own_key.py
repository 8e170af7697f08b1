"""A key pair that this process generates, to sign tokens and to verify them like a provider's.

It lets callers of the service test with tokens. The private key never leaves the process.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customers.adapters.jwt.key_set import KeySet
from customers.adapters.jwt.keys import KeysOfFile
from customers.core.ports.tokens import TokenClaims, TokenSigner

_ALGORITHM: Final = "EdDSA"
_KEY_ID: Final = "own"


class OwnKey(TokenSigner):
    def __init__(self) -> None:
        self._method = jwt.get_algorithm_by_name(_ALGORITHM)
        self._private_key = Ed25519PrivateKey.generate()

    def sign(self, claims: TokenClaims) -> str:
        header = {"alg": _ALGORITHM, "kid": _KEY_ID, "typ": "JWT"}
        message = f"{_segment(_json(header))}.{_segment(_json(claims))}"
        signature = self._method.sign(message.encode(), self._private_key)
        return f"{message}.{_segment(signature)}"

    def keys(self) -> KeysOfFile:
        """The public key, as a key source for a verifier."""
        entry: dict[str, Any] = json.loads(self._method.to_jwk(self._private_key.public_key()))
        entry = {name: entry[name] for name in ("kty", "crv", "x")}
        jwks = {"keys": [{**entry, "kid": _KEY_ID, "use": "sig"}]}
        return KeysOfFile(KeySet.parse(_json(jwks)))


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _segment(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
