"""Card data, which has no place in this service: numbers in texts, and keys that name them."""

import re
import unicodedata
from collections.abc import Iterator

from customers.core.errors import Problem


def card_numbers(body: object) -> list[Problem]:
    """What looks like card data anywhere in a body: numbers in texts, and keys that name them.

    A problem never repeats the value, nor a key that holds one.
    """
    return list(_card_numbers(body, "", ""))


_REFUSED = "CARD_NUMBER_REFUSED"
_SECRET_KEYS = frozenset(
    "cvv cvv2 cvc cvc2 csc cid pan cardnumber cardno cardnum ccnumber ccnum creditcard "
    "creditcardnumber debitcardnumber primaryaccountnumber securitycode cardsecuritycode "
    "cardverificationvalue cardverificationcode cardcvv cardcvc cardpan cvvcode cvccode "
    "cvvnumber cvcnumber track1 track2 trackdata magstripe".split()
)
_NOT_A_DASH = re.compile(r"[^0-9 \-]")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")


def _card_numbers(value: object, field: str, pointer: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _card_key(str(key), inner, pointer)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _card_numbers(inner, field, f"{pointer}/{index}")
    elif isinstance(value, str | int) and not isinstance(value, bool) and _holds_card(str(value)):
        yield Problem(
            field=field, pointer=pointer, message="must not hold a card number", code=_REFUSED
        )


def _card_key(key: str, inner: object, pointer: str) -> Iterator[Problem]:
    if _holds_card(key):
        yield Problem(field="", pointer=pointer, message="a key holds a card number", code=_REFUSED)
        return
    escaped = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
    if re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKC", key).lower()) in _SECRET_KEYS:
        yield Problem(
            field=key, pointer=escaped, message="card data is not accepted here", code=_REFUSED
        )
        return
    yield from _card_numbers(inner, key, escaped)


def _holds_card(text: str) -> bool:
    """Whether 12 to 19 digits that pass Luhn stand alone; dashes and spaces do not count."""
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    alone = [
        start
        for start, char in enumerate(plain)
        if char in "0123456789" and not (start and _is_word(plain[start - 1]))
    ]
    return any(_card_from(plain, start) for start in alone)


def _card_from(plain: str, start: int) -> bool:
    digits = ""
    for place in range(start, len(plain)):
        if _NOT_A_DASH.match(plain[place]) or len(digits) == 19:
            return False
        if plain[place] not in "0123456789":
            continue
        digits += plain[place]
        ends = place + 1 == len(plain) or not _is_word(plain[place + 1])
        if len(digits) >= 12 and ends and _passes_luhn(digits):
            return True
    return False


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
