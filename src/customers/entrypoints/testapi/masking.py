"""Calls without secrets: what nobody may read again, not even in a test."""

import re
from typing import Any
from urllib.parse import unquote_plus

from customers.core.model.cards import card_numbers

HIDDEN = "***"
# What a gateway gave us to take money with.
_TOKENS = frozenset({"gatewayPaymentMethodId"})
# The digits of an id, a counted one above all, may be those of a card by chance.
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BETWEEN = re.compile(r"([/&?=])")


def masked(value: Any) -> Any:
    """A JSON value, but that tokens and what looks like card data are hidden."""
    if isinstance(value, dict):
        return {
            _text(key): HIDDEN if _is_secret(key) else masked(told) for key, told in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return _text(value) if isinstance(value, str) else HIDDEN if card_numbers(value) else value


def masked_address(text: str) -> str:
    """A path or a query, part by part."""
    return "".join(
        HIDDEN if _text(unquote_plus(each)) == HIDDEN else each for each in _BETWEEN.split(text)
    )


def _is_secret(key: str) -> bool:
    return key in _TOKENS or bool(card_numbers({key: None}))


def _text(text: str) -> str:
    return HIDDEN if card_numbers(_ID.sub("", text)) else text
