"""Normal forms are those of Unicode, for short and for long texts."""

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.unicode_forms import Decomposition, marks_of, normalize

Form = Literal["NFC", "NFKC"]

# Marks of many combining classes, some of which decompose, and letters that combine with marks.
MARKS = "\u0300\u0301\u0315\u0323\u0327\u0334\u0344\u0345\u05ae\u0f71\u0f72\u0f73\u3099\U0001d165"
LETTERS = "aeA\u1e14\u1f82\u304b\uac00\u1100\u1161\u11a8\ufb01\ufcf2\u212b"
odd_texts = st.text(st.sampled_from(MARKS + LETTERS) | st.characters(), max_size=20)
forms = pytest.mark.parametrize("form", ["NFC", "NFKC"])


@forms
@given(text=odd_texts)
def test_a_text_of_any_length_gets_its_normal_form(form: Form, text: str) -> None:
    prefix = "x" * 300
    assert normalize(form, text) == unicodedata.normalize(form, text)
    assert normalize(form, prefix + text) == unicodedata.normalize(form, prefix + text)


@forms
@pytest.mark.parametrize("marks", ["\u0315\u0300", "\u0300\u0323\u0327\u0334", "\u0f73"])
def test_a_mebibyte_of_combining_marks_is_sorted(form: Form, marks: str) -> None:
    ordered = normalize(form, "a" + marks * (500_000 // len(marks)))
    classes = [unicodedata.combining(mark) for mark in ordered[1:]]
    assert classes == sorted(classes)


@pytest.mark.parametrize("form", ["NFD", "NFKD"])
def test_every_character_that_consists_of_marks_is_known(form: Decomposition) -> None:
    characters = "".join(map(chr, range(sys.maxunicode + 1)))
    assert marks_of(characters, form) == {
        character
        for character in characters
        if all(map(unicodedata.combining, unicodedata.normalize(form, character)))
    }


@forms
@given(marks=st.text(st.sampled_from(MARKS + "\uff9e\u0f75"), min_size=300, max_size=400))
def test_long_runs_of_marks_between_letters_get_their_normal_form(form: Form, marks: str) -> None:
    text = f"\u1e14{marks}\uac00{marks}"
    assert normalize(form, text) == unicodedata.normalize(form, text)
