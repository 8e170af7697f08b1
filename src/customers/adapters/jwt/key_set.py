"""The keys of a JWKS (RFC 7517): which of them verify tokens, and with which algorithm."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from customers.adapters.jwt.decoding import json_object

# By type and curve. A key of another type, such as a shared secret, verifies nothing.
_ALGORITHMS: Final[Mapping[tuple[str, str | None], tuple[str, ...]]] = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALGORITHMS: Final = tuple(name for names in _ALGORITHMS.values() for name in names)
_PUBLIC_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")
_MIN_RSA_BITS: Final = 2048
# More keys than any provider has. There is a limit because each token's key is looked up in a list.
_MAX_KEYS: Final = 100


class NotKeys(ValueError):
    """The content cannot be read, is not a JWKS, or has no key that verifies tokens; the message
    continues a sentence that begins with the name of the file or the URL.
    """


class NoUsableKeys(NotKeys):
    """The content is a JWKS, but none of its keys verifies tokens."""


@frozen(kw_only=True)
class VerificationKey:
    """A public key. `key_id` is None for a key without an id."""

    key_id: str | None
    algorithms: tuple[str, ...]
    _public_key: Any = field(repr=False)

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether the message was signed with this key and algorithm."""
        try:
            method = jwt.get_algorithm_by_name(algorithm)
            return bool(method.verify(message, self._public_key, signature))
        except (ValueError, TypeError):  # a malformed signature
            return False


@frozen
class KeySet:
    """The keys of a JWKS that verify tokens."""

    keys: tuple[VerificationKey, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The keys that verify tokens, of the first _MAX_KEYS in a JWKS. Raises NotKeys, and
        NoUsableKeys for a JWKS without such keys.
        """
        try:
            entries = json_object(content).get("keys")
        except ValueError:
            raise NotKeys("is not a JSON object") from None
        if not isinstance(entries, list):
            raise NotKeys('is not a JWKS: it has no list "keys"')
        keys = tuple(filter(None, map(_key, entries[:_MAX_KEYS])))
        if not keys:
            raise NoUsableKeys(f"has no public key for signatures of {', '.join(ALGORITHMS)}")
        return cls(keys)

    def fitting(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """The keys that may have signed a token, by the algorithm and key id of its header.

        For a token without a key id, the only key for its algorithm; none if there are several.
        """
        keys = [key for key in self.keys if algorithm in key.algorithms]
        if key_id is None:
            return keys if len(keys) == 1 else ()
        return [key for key in keys if key.key_id == key_id]


def _key(entry: object) -> VerificationKey | None:
    """The key of an entry; None if the entry cannot verify tokens."""
    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    algorithms = _algorithms(entry)
    key_id = entry.get("kid")
    if not algorithms or not (key_id is None or isinstance(key_id, str)):
        return None
    public_key = _public_key(entry, algorithms[0])
    if public_key is None:
        return None
    return VerificationKey(key_id=key_id, algorithms=algorithms, public_key=public_key)


def _is_for_signatures(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    is_to_verify = isinstance(operations, list) and "verify" in operations
    return entry.get("use", "sig") == "sig" and is_to_verify


def _algorithms(entry: dict[str, Any]) -> tuple[str, ...]:
    """The algorithms for the key's type and curve; at most the one that the entry names, if any."""
    kind, curve = entry.get("kty"), entry.get("crv")
    if not isinstance(kind, str) or not (curve is None or isinstance(curve, str)):
        return ()
    fitting = _ALGORITHMS.get((kind, curve), ())
    named = entry.get("alg")
    return fitting if named is None else tuple(name for name in fitting if name == named)


def _public_key(entry: dict[str, Any], algorithm: str) -> Any | None:
    """The public key of an entry; None if it is malformed, or an RSA key that is too short."""
    members: dict[str, Any] = {name: entry[name] for name in _PUBLIC_MEMBERS if name in entry}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    try:
        key = jwt.get_algorithm_by_name(algorithm).from_jwk(members)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        return None
    return key
