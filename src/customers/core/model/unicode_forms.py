"""Unicode normal forms, computed in time linear in the length of the text.

`unicodedata.normalize` sorts a run of combining marks in quadratic time: minutes for a body of a
mebibyte. This module sorts such runs first.
"""

import unicodedata
from itertools import groupby
from typing import Literal

_SHORT = 256


def normalize(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """The text in that normal form."""
    if len(text) <= _SHORT or text.isascii():
        return unicodedata.normalize(form, text)
    decomposed: Literal["NFD", "NFKD"] = "NFD" if form == "NFC" else "NFKD"
    characters = "".join(unicodedata.normalize(decomposed, character) for character in text)
    runs = groupby(characters, key=lambda character: unicodedata.combining(character) > 0)
    # Sorting is stable, so letters, which have the combining class 0, stay where they are.
    ordered = "".join("".join(sorted(run, key=unicodedata.combining)) for _, run in runs)
    return unicodedata.normalize(form, ordered)
