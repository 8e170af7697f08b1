"""Unicode's normal forms, in a time that grows with a text as its length does.

Left to itself, `unicodedata` puts a run of marks in order in a time that grows with its square:
minutes for a body of a mebibyte.
"""

from itertools import groupby
from typing import Literal
from unicodedata import combining, normalize

_SHORT = 256


def normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    if len(text) <= _SHORT or text.isascii():
        return normalize(form, text)
    decomposed: Literal["NFD", "NFKD"] = "NFD" if form == "NFC" else "NFKD"
    letters = "".join(normalize(decomposed, each) for each in text)
    runs = groupby(letters, key=lambda each: combining(each) > 0)
    # What stands in order already is put in order at once; letters, all alike, stay as they are.
    return normalize(form, "".join("".join(sorted(run, key=combining)) for _, run in runs))
