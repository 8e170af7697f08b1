"""Seals texts for callers to carry: they cannot read, change or make one.

The seal is deterministic (AES-SIV, RFC 5297): equal contents for one purpose have equal seals, in
every process that has the keys, and no number used once has to be kept.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 64
# Contents are filled up to a multiple of it, so that a length says little about them.
_BLOCK_BYTES = 64
_PURPOSE = b"customers: cursors"


class BrokenSeal(Exception):
    """A text that none of the keys has sealed, or that was sealed for something else."""


class Seal:
    """The first secret seals, all of them open: so a secret can be replaced by the next one."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [AESSIV(_derived(secret)) for secret in secrets]

    def seal(self, content: bytes, scope: bytes) -> str:
        """The content, JSON in UTF-8, as a text for a URL that only opens for the same scope."""
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
    """The key for this purpose, so that a secret can serve others too."""
    return HKDF(algorithm=SHA512(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises BrokenSeal for another spelling of the same bytes too."""
    try:
        sealed = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BrokenSeal from None
    if _text(sealed) != text:
        raise BrokenSeal
    return sealed
