"""Detection of card data, which this service refuses: card numbers in texts, and keys for them."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from customers.core.errors import Problem
from customers.core.model.unicode_forms import normalize


def card_numbers(body: object) -> list[Problem]:
    """A problem for every card number and key for card data in a body; none repeats a number."""
    return list(_card_numbers(body, "", ""))


_CODE = "CARD_NUMBER_REFUSED"
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
    elif (
        isinstance(value, str | int) and not isinstance(value, bool) and _contains_card(str(value))
    ):
        yield Problem(
            field=field, pointer=pointer, message="must not contain a card number", code=_CODE
        )


def _card_key(key: str, inner: object, pointer: str) -> Iterator[Problem]:
    if _contains_card(key):
        yield Problem(field="", pointer=pointer, message="a key contains a card number", code=_CODE)
        return
    escaped = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
    if re.sub(r"[^a-z0-9]", "", normalize("NFKC", key).lower()) in _SECRET_KEYS:
        yield Problem(
            field=key, pointer=escaped, message="card data is not accepted here", code=_CODE
        )
        return
    yield from _card_numbers(inner, key, escaped)


def _contains_card(text: str) -> bool:
    """Whether a text contains 12 to 19 digits that pass Luhn, apart from other letters and digits.

    Dashes and spaces between the digits are ignored.
    """
    plain = normalize("NFKC", text).translate(_DASHES)
    return any(_card_in(plain, run) for run in _RUN.finditer(plain))


def _card_in(plain: str, run: re.Match[str]) -> bool:
    positions = [position for position in range(*run.span()) if plain[position] in "0123456789"]
    starts = [not (position and _is_word(plain[position - 1])) for position in positions]
    ends = [
        position + 1 == len(plain) or not _is_word(plain[position + 1]) for position in positions
    ]
    sums = _luhn_sums([int(plain[position]) for position in positions])
    return any(
        starts[first] and (sums[last % 2][last + 1] - sums[last % 2][first]) % 10 == 0
        for last in range(11, len(positions))
        if ends[last]
        for first in range(max(last - 18, 0), last - 10)
    )


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _luhn_sums(digits: Sequence[int]) -> list[list[int]]:
    """Running Luhn sums, by whether the last digit of a number has an even or odd index.

    The sum of any range of digits is one subtraction, so the cost is linear in the text.
    """
    pairs = [(digit, digit * 2 - 9 if digit > 4 else digit * 2) for digit in digits]
    return [
        [0, *accumulate(pair[(index + last) % 2] for index, pair in enumerate(pairs))]
        for last in (0, 1)
    ]
