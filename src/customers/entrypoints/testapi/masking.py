"""Bodies without secrets: what nobody may read again, not even in a test."""

from typing import Any

from customers.core.model.cards import card_numbers

HIDDEN = "***"
# What a gateway gave us to take money with.
_TOKENS = frozenset({"gatewayPaymentMethodId"})


def masked(value: Any) -> Any:
    """The value, but that tokens and what looks like card data are hidden."""
    if isinstance(value, dict):
        return {
            _key(key): HIDDEN if _is_secret(key) else masked(each) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return HIDDEN if card_numbers(value) else value


def _is_secret(key: str) -> bool:
    return key in _TOKENS or bool(card_numbers({key: None}))


def _key(key: str) -> str:
    """A key that itself holds a card number is hidden too."""
    return HIDDEN if card_numbers(key) else key
