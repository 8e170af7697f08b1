"""Masks secrets and card data, which must not be shown again, not even in a test."""

import re
from typing import Any
from urllib.parse import unquote_plus

from customers.core.model.cards import card_numbers
from customers.entrypoints.observability.redaction import without_credentials

MASK = "***"
# The keys of secret values: payment tokens of gateways, API keys, tokens of mails, credentials.
_SECRET_KEYS = frozenset({"gatewaypaymentmethodid", "key", "token", "authorization"})
# The token of a mail, wherever it stands.
_MAIL_TOKEN = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
# Query parameters that may hold a credential, though callers should not put one there.
_SECRET_PARAMETERS = re.compile(
    r"(?i)(?<![^&?])([^=&]*(?:token|key|secret|password|authorization)[^=&]*)=[^&]*"
)
# The digits of an id, above all of a sequential id, may look like a card number.
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DELIMITER = re.compile(r"([/&?=])")


def mask(value: Any) -> Any:
    """The JSON value with secrets and what looks like card data replaced by `***`."""
    if isinstance(value, dict):
        return {
            _mask_text(key): MASK if _is_secret(key) else mask(member)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    if isinstance(value, str):
        return _mask_text(value)
    return MASK if card_numbers(value) else value


def mask_address(text: str) -> str:
    """A path or query in which parts that are credentials or look like card numbers are `***`."""
    return "".join(
        MASK if MASK in _mask_text(unquote_plus(part)) else part
        for part in _DELIMITER.split(_SECRET_PARAMETERS.sub(rf"\1={MASK}", text))
    )


def _is_secret(key: str) -> bool:
    return key.lower() in _SECRET_KEYS or bool(card_numbers({key: None}))


def _mask_text(text: str) -> str:
    """`***` for a text that seems to contain a card number, else the text with its credentials
    masked, and question marks for unpaired surrogates, which no answer can contain.
    """
    text = _MAIL_TOKEN.sub(MASK, text)
    if card_numbers(_ID.sub("", text)):
        return MASK
    return without_credentials(text).encode(errors="replace").decode()
