"""Search: which texts find a customer, the same in every storage.

A storage stores one text for each customer, `search_text`, and searches it as `Search.finds` does.
It also finds the customers of orders with the search's `order_number` or one of its `order_ids`.
`docs/search.md` tells callers what searches find.
"""

import re
import unicodedata
from string import ascii_lowercase, ascii_uppercase
from typing import Final, Self

from attrs import frozen

from customers.core.model.folding import fold
from customers.core.model.unicode_forms import normalize

# Separators in a search text: the digits of the phone number follow PHONE, and END ends the text.
PHONE: Final = "\x02"
END: Final = "\x03"

_MIN_PHONE_DIGITS = 5
# A number with fewer digits after its country code is not searched without the code.
_MIN_NATIONAL_DIGITS = 7
# Searches with more distinct words than this are not matched word by word.
_MAX_WORDS = 100
_MAX_ORDER_KEY = 100

# Letters that do not decompose, such as letters with a stroke and ligatures.
_LETTERS = str.maketrans(
    {"\u0131": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "þ": "th"}
    | {"æ": "ae", "œ": "oe"}
)
_LOWER_CASE = str.maketrans(ascii_uppercase, ascii_lowercase)
_PHONE_SEARCH = re.compile(r"[0-9+\-()./ x\u2010-\u2015\u2212]*")
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
# An international number without a plus, such as 447700900123; national ones begin with a zero, or
# have fewer digits.
_WITH_COUNTRY_CODE = re.compile(r"[1-9][0-9]{10,}")
_NOT_A_DIGIT = re.compile(r"[^0-9]")
# The prefix of a call abroad in North America, before the country code and a national number. No
# national number that begins with these digits has so many.
_FROM_NORTH_AMERICA = re.compile(r"011(?=[1-9][0-9]{9,})")
# What is dialled before a national number within its country (ITU-T E.164), by country code, where
# it is not a zero.
_TRUNK_PREFIXES: Final = {"7": "8", "36": "06", "370": "8", "375": "80", "993": "8"}
# A number with the prefix of Russia and Kazakhstan, and the digits behind it.
_BEHIND_EIGHT = re.compile(r"8([0-9]{10})")
# The country codes of one and of two digits (ITU-T E.164); all others have three.
_SHORT_CODES = re.compile("[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")


def plain(folded: str) -> str:
    """A folded text without marks: `müller` becomes `muller`, and a dotless i becomes i."""
    if folded.isascii():
        return folded
    letters = normalize("NFKD", folded).translate(_LETTERS)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def phone_digits(folded: str) -> str:
    """The digits of a phone number, without a zero in parentheses: `+44 (0)20` gives `4420`."""
    return _NOT_A_DIGIT.sub("", _TRUNK_ZERO.sub("", folded))


def search_text(email: str, name: str, phone: str) -> str:
    """The text that searches look into.

    One line each for the folded e-mail address, name and phone number, then for the plain name and
    the plain e-mail address, empty if they equal the folded ones; then PHONE, the digits of the
    phone number, and END. Older releases wrote the first three lines only.
    """
    folded = [fold(email), fold(name), fold(phone)]
    differing = [
        "" if (letters := plain(line)) == line else letters for line in (folded[1], folded[0])
    ]
    return "\n".join([*folded, *differing]) + PHONE + phone_digits(folded[2]) + END


def order_number_key(number: str) -> str:
    """The form in which order numbers are compared: ASCII lower case, without leading `#`."""
    return number.lstrip("#").translate(_LOWER_CASE)


@frozen(kw_only=True)
class Search:
    """A parsed search; any of its parts that is not empty finds a customer.

    `text` is a part of the plain e-mail address, of the plain name or of the phone number; `folded`
    is the same text with its marks, for search texts of older releases, which have no plain lines.
    `words` are parts of the plain name in any order. `phones` are digits of part of a phone number,
    in each spelling; a phone number may also begin with the digits `national`. `order_number` is a
    key as of `order_number_key`, `order_ids` are the spellings of an order id.
    """

    text: str = ""
    folded: str = ""
    words: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    national: str = ""
    order_number: str = ""
    order_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, search: str) -> Self | None:
        """The parsed search for a text as people type it; None for an empty text.

        In a text with an @, a space becomes a plus, because callers often do not percent-encode the
        plus of an e-mail address; an order is still found by the text as it stands.
        """
        if not (search := search.strip()):
            return None
        order_number, order_ids = _order_keys(search)
        if "@" in search:
            folded = fold(search.replace(" ", "+"))
            text = plain(folded)
            return cls(
                text=text,
                folded=_with_marks(folded, text),
                order_number=order_number,
                order_ids=order_ids,
            )
        folded = fold(search)
        text, phone = plain(folded), _as_phone(folded)
        words = _words(text)
        code, national = _international(phone)
        return cls(
            text=text if phone or not words else "",  # a name is found by its words
            folded=_with_marks(folded, text),
            words=words,
            phones=_parts_of_phone(phone, code, national),
            national=national,
            order_number=order_number,
            order_ids=order_ids,
        )

    @property
    def is_number(self) -> bool:
        """Whether `text` is digits only. Then it must not be searched in the digits after PHONE,
        which could contain it.
        """
        return self.text.isdecimal()

    def finds(self, text: str) -> bool:
        """Whether the search finds a customer with this search text; orders are not considered."""
        lines, _, digits = text.removesuffix(END).partition(PHONE)
        return (
            (self.text != "" and self.text in lines)
            or (self.folded != "" and self.folded in lines)
            or (self.words != () and _has_all(lines, self.words))
            or any(part in digits for part in self.phones)
            or (self.national != "" and digits.startswith(self.national))
        )


def _has_all(lines: str, words: tuple[str, ...]) -> bool:
    _, folded_name, _, plain_name, *_ = [*lines.split("\n"), "", ""]
    return all(word in plain_name or word in folded_name for word in words)


def _with_marks(folded: str, text: str) -> str:
    """The folded search, if it differs from the plain search, `text`, and `text` is not empty; else
    empty.
    """
    return "" if text in ("", folded) else folded


def _words(text: str) -> tuple[str, ...]:
    """The distinct words of a text with spaces or commas, longest first. Empty for other texts, for
    one of nothing else, and for more than _MAX_WORDS distinct words.
    """
    words = text.replace(",", " ").split()
    if words in ([], [text]) or len(distinct := dict.fromkeys(words)) > _MAX_WORDS:
        return ()
    return tuple(sorted(distinct, key=len, reverse=True))


def _as_phone(folded: str) -> str:
    """The folded search, if it is a phone number or a part of one; else empty."""
    return folded if _PHONE_SEARCH.fullmatch(folded) else ""


def _parts_of_phone(phone: str, code: str, national: str) -> tuple[str, ...]:
    """The digits of a part of a phone number, without leading zeros if enough digits remain, and
    for a number with a country code also the national number behind its code and behind what is
    dialled before it within the country. Empty if there are too few digits.
    """
    digits = phone_digits(phone)
    if len(digits) < _MIN_PHONE_DIGITS:
        return ()
    without_zeros = digits.lstrip("0")
    part = without_zeros if len(without_zeros) >= _MIN_PHONE_DIGITS else digits
    spellings = [part]
    if national:
        prefixes = code, "0", _TRUNK_PREFIXES.get(code, "0")
        spellings += (f"{prefix}{national}" for prefix in prefixes)
    if behind_eight := _BEHIND_EIGHT.fullmatch(digits):
        spellings.append(f"7{behind_eight[1]}")
    return tuple(dict.fromkeys(spellings))


def _international(phone: str) -> tuple[str, str]:
    """The digits of the country code of a phone number and of the national number, without the zero
    between them. Empty for a number without a country code, and where too few digits remain.
    """
    digits = phone_digits(phone)
    if exit_prefix := _FROM_NORTH_AMERICA.match(digits):
        digits = digits[exit_prefix.end() :]
    elif not phone.startswith(("+", "00")) and not _WITH_COUNTRY_CODE.fullmatch(digits):
        return "", ""
    digits = digits.lstrip("0")
    short = _SHORT_CODES.match(digits)
    code = short[0] if short else digits[:3]
    national = digits[len(code) :].lstrip("0")
    return (code, national) if len(national) >= _MIN_NATIONAL_DIGITS else ("", "")


def _order_keys(search: str) -> tuple[str, tuple[str, ...]]:
    """The key of an order number and the spellings of an order id; empty if they are too long."""
    number = order_number_key(search)
    if len(number) > _MAX_ORDER_KEY:
        return "", ()
    if len(search) > _MAX_ORDER_KEY:
        return number, ()
    return number, tuple(dict.fromkeys((search, search.upper(), search.lower())))
