"""The folded form of texts, which rules on texts and tags compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.folding import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("\uff21\uff4e\uff4e", "ann"),
        ("ﬁsher", "FISHER"),
        ("\u1d2c", "a"),
        ("ZOE\u0301", "zo\u00e9"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\u00a0 ann\u3000", "Ann"),
    ],
)
def test_texts_that_readers_consider_equal_have_the_same_folded_form(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("zoé", "zoe"), ("İpek", "ipek"), ("y\u0131lmaz", "yilmaz"), ("a b", "ab")]
)
def test_different_letters_have_different_folded_forms(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
