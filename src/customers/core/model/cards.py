"""Card data, which has no place in this service: numbers in texts, and keys that name them."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from customers.core.errors import Problem
from customers.core.model.normal import normal


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
_RUN = re.compile(r"[0-9](?:[ \-]*[0-9]){11,}")
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
    if re.sub(r"[^a-z0-9]", "", normal("NFKC", key).lower()) in _SECRET_KEYS:
        yield Problem(
            field=key, pointer=escaped, message="card data is not accepted here", code=_REFUSED
        )
        return
    yield from _card_numbers(inner, key, escaped)


def _holds_card(text: str) -> bool:
    """Whether 12 to 19 digits that pass Luhn stand alone; dashes and spaces do not count."""
    plain = normal("NFKC", text).translate(_DASHES)
    return any(_card_in(plain, run) for run in _RUN.finditer(plain))


def _card_in(plain: str, run: re.Match[str]) -> bool:
    places = [place for place in range(*run.span()) if plain[place] in "0123456789"]
    opens = [not (place and _is_word(plain[place - 1])) for place in places]
    closes = [place + 1 == len(plain) or not _is_word(plain[place + 1]) for place in places]
    sums = _luhn_sums([int(plain[place]) for place in places])
    return any(
        opens[first] and (sums[last % 2][last + 1] - sums[last % 2][first]) % 10 == 0
        for last in range(11, len(places))
        if closes[last]
        for first in range(max(last - 18, 0), last - 10)
    )


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _luhn_sums(digits: Sequence[int]) -> list[list[int]]:
    """Running sums for Luhn, by whether the last digit of a number is at an even or odd place.

    From them the sum of any stretch is one subtraction, so that a long text costs no more than
    its length.
    """
    pairs = [(digit, digit * 2 - 9 if digit > 4 else digit * 2) for digit in digits]
    return [
        [0, *accumulate(pair[(place + last) % 2] for place, pair in enumerate(pairs))]
        for last in (0, 1)
    ]
