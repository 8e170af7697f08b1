"""Detects card data, which this service refuses: card numbers, and keys that name card data."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from customers.core.errors import Problem
from customers.core.model.unicode_forms import normalize


def card_numbers(body: object) -> list[Problem]:
    """The problems of values and keys that contain card numbers, and of keys that name card data,
    in a body. No problem repeats the number.
    """
    return list(_card_numbers(body, "", ""))


def card_numbers_of_person(body: object) -> list[Problem]:
    """As `card_numbers`, for a body about a person: it does not check ids and the international
    phone number at the top of the body, because one in ten numbers of 12 digits or more would pass
    for a card number.
    """
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if not _is_plain(str(key), value)}
    return card_numbers(body)


_CODE = "CARD_NUMBER_REFUSED"
_SECRET_KEYS = frozenset(
    "cvv cvv2 cvc cvc2 csc cid pan cardnumber cardno cardnum ccnumber ccnum creditcard "
    "creditcardnumber debitcardnumber primaryaccountnumber securitycode cardsecuritycode "
    "cardverificationvalue cardverificationcode cardcvv cardcvc cardpan cvvcode cvccode "
    "cvvnumber cvcnumber track1 track2 trackdata magstripe".split()
)
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTERNATIONAL_PHONE = re.compile(r"\+[0-9](?:[ ().\-]*[0-9]){6,14}")
# What may stand between the digits of a number: dashes and spaces anywhere, other characters only
# between groups of three or more digits, so that a list of dates or amounts is not one number.
_RUN = re.compile(r"[0-9](?:[ \-./,()\[\]{}]*[0-9]){11,}")
_GROUP = re.compile(r"[0-9]+")
_BETWEEN_GROUPS = frozenset("./,()[]{}")
_MIN_GROUP = 3
_UNSEEN = ("Cf", "Mn", "Me")
_MAX_WHOLE_DIGITS = 40
_MIN_DIGITS, _MAX_DIGITS = 12, 19
# What a doubled digit adds to a Luhn sum.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _plain(text: str) -> str:
    """The text with digits in ASCII, one kind of dash and of space, and without invisible
    characters and combining marks.
    """
    if text.isascii():
        return text.replace("\t", " ")
    return "".join(map(_plain_form, normalize("NFKC", text)))


@lru_cache(maxsize=4_096)
def _plain_form(character: str) -> str:
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category in _UNSEEN:
        return ""
    if category == "Pd" or character == "\u2212":
        return "-"
    return " " if category == "Zs" or character == "\t" else character


def _card_numbers(value: object, field: str, pointer: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _card_key(str(key), inner, pointer)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _card_numbers(inner, field, f"{pointer}/{index}")
    elif _contains_card(_text(value)):
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


def _is_plain(key: str, value: object) -> bool:
    """Whether a value is an id, or an international phone number under the key `phone`."""
    if not isinstance(value, str):
        return False
    text = value.strip()
    is_phone = key == "phone" and _INTERNATIONAL_PHONE.fullmatch(text) is not None
    return is_phone or _ID.fullmatch(text) is not None


def _text(value: object) -> str:
    """The text of a string or a number; empty for other values and decimals beyond 10^±40."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        is_whole_known = value.is_finite() and abs(value.adjusted()) < _MAX_WHOLE_DIGITS
        return f"{value:f}" if is_whole_known else ""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _contains_card(text: str) -> bool:
    """Whether a text contains 12 to 19 digits that pass the Luhn check, with no letter, digit or
    underscore directly before or after them.

    Digits of every script count. Dashes and spaces between the digits are ignored; so are dots,
    slashes, commas and brackets between groups of at least three digits.
    """
    plain = _plain(text)
    return any(
        _card_in(plain, positions)
        for run in _RUN.finditer(plain)
        for positions in _numbers(plain, run)
    )


def _numbers(plain: str, run: re.Match[str]) -> Iterator[Sequence[int]]:
    """The positions of digits that may belong to one number, number by number."""
    positions: list[int] = []
    last_group: re.Match[str] | None = None
    for group in _GROUP.finditer(plain, *run.span()):
        if last_group is not None and not _belong_together(plain, last_group, group):
            yield positions
            positions = []
        positions.extend(range(*group.span()))
        last_group = group
    yield positions


def _belong_together(plain: str, group: re.Match[str], following: re.Match[str]) -> bool:
    between = plain[group.end() : following.start()]
    shorter = min(len(group[0]), len(following[0]))
    return shorter >= _MIN_GROUP or _BETWEEN_GROUPS.isdisjoint(between)


def _card_in(plain: str, positions: Sequence[int]) -> bool:
    """Whether 12 to 19 of the digits at these positions, one after the other, are a card number."""
    if len(positions) < _MIN_DIGITS:
        return False
    sums = _luhn_sums([int(plain[position]) for position in positions])
    begins = [not (position and _is_word(plain[position - 1])) for position in positions]
    # At how many digits a number that ends at `last` may begin, by Luhn sum: `even` for an even
    # `last`, `odd` for an odd one.
    even, odd = [0] * 10, [0] * 10
    for last in range(_MIN_DIGITS - 1, len(positions)):
        if begins[first := last - _MIN_DIGITS + 1]:
            even[sums[0][first]] += 1
            odd[sums[1][first]] += 1
        if (first := last - _MAX_DIGITS) >= 0 and begins[first]:
            even[sums[0][first]] -= 1
            odd[sums[1][first]] -= 1
        if (odd if last % 2 else even)[sums[last % 2][last + 1]] and _ends(plain, positions[last]):
            return True
    return False


def _ends(plain: str, position: int) -> bool:
    return position + 1 == len(plain) or not _is_word(plain[position + 1])


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _luhn_sums(digits: Sequence[int]) -> tuple[list[int], list[int]]:
    """Running Luhn sums, modulo ten, for numbers whose last digit has an even index, or an odd one.
    A range of digits passes if the sums at its ends are equal, so the cost is linear in the text.
    """
    even, odd = 0, 0
    sums = [0], [0]
    for index, digit in enumerate(digits):
        doubled = _DOUBLED[digit]
        even += doubled if index % 2 else digit
        odd += digit if index % 2 else doubled
        sums[0].append(even % 10)
        sums[1].append(odd % 10)
    return sums
