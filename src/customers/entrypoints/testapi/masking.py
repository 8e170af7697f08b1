"""Masks secrets and card data, which must not be shown again, not even in a test."""

import re
from typing import Any
from urllib.parse import unquote_plus

from customers.core.model.cards import card_numbers
from customers.entrypoints.observability.redaction import without_credentials

MASK = "***"
# The tokens with which a payment gateway charges a customer, API keys, and those of verification
# mails.
_SECRET_KEYS = frozenset({"gatewayPaymentMethodId", "key", "token", "authorization"})
# Where callers put a credential in a query, which is not the place for it.
_SECRET_PARAMETERS = re.compile(
    r"(?i)(?<![^&?])([^=&]*(?:token|key|secret|password|authorization)[^=&]*)=[^&]*"
)
# The digits of an id, above all of a sequential one, may look like those of a card.
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DELIMITER = re.compile(r"([/&?=])")


def mask(value: Any) -> Any:
    """The JSON value with tokens and what looks like card data replaced by `***`."""
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
    """A path or a query with each part masked that is a credential or what looks like a card."""
    return "".join(
        MASK if MASK in _mask_text(unquote_plus(part)) else part
        for part in _DELIMITER.split(_SECRET_PARAMETERS.sub(rf"\1={MASK}", text))
    )


def _is_secret(key: str) -> bool:
    return key in _SECRET_KEYS or bool(card_numbers({key: None}))


def _mask_text(text: str) -> str:
    """The text without credentials, and with question marks for unpaired surrogates, which no
    answer can hold.
    """
    if card_numbers(_ID.sub("", text)):
        return MASK
    return without_credentials(text).encode(errors="replace").decode()
