"""Unicode normal forms, computed in time linear in the length of the text.

`unicodedata.normalize` sorts a run of combining marks in quadratic time, which takes minutes for a
body of a mebibyte. This module sorts long runs beforehand, in linear time.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, Literal
from unicodedata import combining
from unicodedata import normalize as normalize_quickly

Decomposition = Literal["NFD", "NFKD"]

# Shorter texts, and shorter runs of marks, are sorted fast enough.
_LONG_TEXT: Final = 256
_LONG_RUN: Final = 32
# Characters that are not combining marks themselves, but decompose into combining marks.
_HIDDEN_MARKS: Final = {"NFD": "\u0f73\u0f75\u0f81", "NFKD": "\u0f73\u0f75\u0f81\uff9e\uff9f"}


def normalize(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """The text in that normal form."""
    if len(text) > _LONG_TEXT and not text.isascii():
        text = _with_sorted_runs(text, "NFD" if form == "NFC" else "NFKD")
    return normalize_quickly(form, text)


def marks_of(text: str, form: Decomposition) -> frozenset[str]:
    """The characters of a text that are combining marks, or decompose into combining marks only."""
    hidden = _HIDDEN_MARKS[form]
    return frozenset(char for char in set(text) if combining(char) or char in hidden)


def _with_sorted_runs(text: str, form: Decomposition) -> str:
    """The text with its long runs of marks decomposed and in canonical order."""
    if not (marks := marks_of(text, form)):
        return text
    long_run = re.compile(f"[{''.join(sorted(marks))}]{{{_LONG_RUN},}}")
    longer = {
        ord(mark): parts for mark in marks if (parts := normalize_quickly(form, mark)) != mark
    }
    return long_run.sub(lambda run: _sorted(run[0], longer), text)


def _sorted(run: str, longer: Mapping[int, str]) -> str:
    """The marks sorted by combining class; marks of one class stay in their order.

    `longer` maps code points of marks to their decompositions, if these differ from the mark.
    """
    by_class = defaultdict[int, list[str]](list)
    for mark in run.translate(longer) if longer else run:
        by_class[combining(mark)].append(mark)
    return "".join("".join(by_class[number]) for number in sorted(by_class))
