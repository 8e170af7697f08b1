"""Seals texts that callers carry: a caller cannot read, change or make one.

The seal is deterministic (AES-SIV, RFC 5297): equal contents with the same scope have equal seals,
in every process that has the keys, and no nonce is needed.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 64
# Contents are padded to a multiple of this size, so that their length says little about them.
_BLOCK_BYTES = 64
_PURPOSE = b"customers: cursors"


class BrokenSeal(Exception):
    """A text that none of the keys has sealed, or that was sealed for another scope."""


class Seal:
    """Seals with the first secret and opens with any of them, so that secrets can be rotated."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [AESSIV(_derived(secret)) for secret in secrets]

    def seal(self, content: bytes, scope: bytes) -> str:
        """The content (JSON in UTF-8), sealed as a URL-safe text that only the same scope opens."""
        filled = content.ljust(-(-len(content) // _BLOCK_BYTES) * _BLOCK_BYTES)
        return _text(self._keys[0].encrypt(filled, [scope]))

    def open(self, text: str, scope: bytes) -> bytes:
        """The content, with white space after it. Raises BrokenSeal."""
        sealed = _bytes(text)
        for key in self._keys:
            try:
                return key.decrypt(sealed, [scope])
            except InvalidTag:
                continue
        raise BrokenSeal


def _derived(secret: bytes) -> bytes:
    """The key for cursors, derived from a secret that may serve other purposes too."""
    return HKDF(algorithm=SHA512(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The sealed bytes. Raises BrokenSeal for a text that is not their canonical spelling."""
    try:
        sealed = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BrokenSeal from None
    if _text(sealed) != text:
        raise BrokenSeal
    return sealed
