"""Search: what finds a customer, the same in every storage.

A storage keeps one text for each customer, `search_text`, and looks into it as `Search.finds` does;
it also finds the customers whose order has one of the search's `order_keys`. What searches find is
in `docs/search.md`.
"""

import re
import unicodedata
from typing import Final, Self

from attrs import frozen

from customers.core.model.folding import fold
from customers.core.model.unicode_forms import normalize

# In a search text: what follows is the digits of the phone number, and then the end.
PHONE: Final = "\x02"
END: Final = "\x03"

MIN_PHONE_DIGITS = 5
# From this number of digits on, a phone number is found with and without its country code.
_MIN_NATIONAL_DIGITS = 7
_MAX_COUNTRY_CODE = 3
_MAX_WORDS = 20
_MAX_ORDER_KEY = 100

# Letters with a stroke, and ligatures, which do not decompose.
_LETTERS = str.maketrans(
    {"\u0131": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "þ": "th"}
    | {"æ": "ae", "œ": "oe"}
)
_PHONE_SEARCH = re.compile(r"[0-9+\-()./ x\u2010-\u2015]*")
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
# With the country code, as it is dialled within North America.
_NORTH_AMERICAN = re.compile(r"1[0-9]{10}")
_NOT_A_DIGIT = re.compile(r"[^0-9]")


def plain(text: str) -> str:
    """The folded text, decomposed and without marks: `müller` as `muller`, dotless i as i."""
    folded = fold(text)
    if folded.isascii():
        return folded
    letters = normalize("NFKD", folded).translate(_LETTERS)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def phone_digits(phone: str) -> str:
    """The digits of a phone number, without a zero in parentheses: `+44 (0)20` as `4420`."""
    return _NOT_A_DIGIT.sub("", _TRUNK_ZERO.sub("", fold(phone)))


def search_text(email: str, name: str, phone: str) -> str:
    """The text that searches look into.

    A line each for the folded e-mail address, name and phone number, then for the plain name and
    the plain e-mail address where they differ; PHONE, the digits of the phone number, and END.
    Older releases wrote the first three lines only.
    """
    folded = [fold(email), fold(name), fold(phone)]
    differing = [
        "" if (letters := plain(text)) == line else letters
        for text, line in ((name, folded[1]), (email, folded[0]))
    ]
    return "\n".join([*folded, *differing]) + PHONE + phone_digits(phone) + END


@frozen
class Search:
    """A search as it is looked for; any of its parts finds a customer.

    `text` is a part of the plain e-mail address, of the plain name or of the phone number, `words`
    are parts of the plain name in any order. `phone` are at least five digits: a part of the phone
    number's. `whole_phones` are the digits of whole phone numbers, without the country code.
    `order_keys` are numbers or ids of orders. `folded` is the text as older releases stored it.
    """

    text: str
    folded: str
    words: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    whole_phones: tuple[str, ...] = ()
    order_keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, search: str) -> Self | None:
        """The search of a text as people type it; None for an empty one.

        In a text with an @, a space becomes a plus, because callers often do not percent-encode the
        plus of an e-mail address.
        """
        if not (search := search.strip()):
            return None
        if "@" in search:
            address = search.replace(" ", "+")
            return cls(text=plain(address), folded=fold(address))
        return cls(
            text=plain(search),
            folded=fold(search),
            words=_words(plain(search)),
            phones=_phones(fold(search)),
            whole_phones=_whole_phones(fold(search)),
            order_keys=_order_keys(search),
        )

    @property
    def is_short_number(self) -> bool:
        """Whether the text has too few digits to be looked for in the digits of a phone number."""
        return len(self.text) < MIN_PHONE_DIGITS and self.text.isdecimal()

    def finds(self, text: str) -> bool:
        """Whether it finds a customer with this search text, orders aside."""
        lines, _, digits = text.removesuffix(END).partition(PHONE)
        return (
            (self.text != "" and self.text in lines)
            or (self.folded != "" and self.folded in lines)
            or (self.words != () and _has_all(lines, self.words))
            or any(phone in digits for phone in self.phones)
            or digits in self.whole_phones
        )


def _has_all(lines: str, words: tuple[str, ...]) -> bool:
    _, folded_name, _, plain_name, *_ = [*lines.split("\n"), "", ""]
    return all(word in plain_name or word in folded_name for word in words)


def _words(text: str) -> tuple[str, ...]:
    """The words of a text of two or more, longest first."""
    words = dict.fromkeys(text.split())
    if not 1 < len(words) <= _MAX_WORDS:
        return ()
    return tuple(sorted(words, key=len, reverse=True))


def _phones(text: str) -> tuple[str, ...]:
    """The digits of a phone number or of a part of one, and those without leading zeros."""
    digits = phone_digits(text) if _PHONE_SEARCH.fullmatch(text) else ""
    if len(digits) < MIN_PHONE_DIGITS:
        return ()
    national = digits.lstrip("0")
    if national == digits or len(national) < _MIN_NATIONAL_DIGITS:
        return (digits,)
    return (digits, national)


def _whole_phones(text: str) -> tuple[str, ...]:
    """The digits of an international phone number as they are dialled within the country."""
    if not _PHONE_SEARCH.fullmatch(text):
        return ()
    digits = phone_digits(text).lstrip("0")
    if not text.startswith(("+", "00")) and not _NORTH_AMERICAN.fullmatch(digits):
        return ()
    nationals = [digits[length:].lstrip("0") for length in range(1, _MAX_COUNTRY_CODE + 1)]
    return tuple(
        f"{zero}{national}"
        for national in dict.fromkeys(nationals)
        if len(national) >= _MIN_NATIONAL_DIGITS
        for zero in ("", "0")
    )


def _order_keys(search: str) -> tuple[str, ...]:
    """The numbers and ids of an order that are meant: in any case, with and without a `#`."""
    number = search.lstrip("#")
    spelled = (search, number, f"#{number}")
    keys = (key for text in spelled for key in (text, text.upper(), text.lower()))
    return tuple(dict.fromkeys(key for key in keys if 0 < len(key.strip("#")) <= _MAX_ORDER_KEY))
