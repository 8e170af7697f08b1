"""What a search finds, as docs/search.md says; the examples of that page are contract tests."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.core.model.folding import fold
from customers.core.model.search import (
    Search,
    order_number_key,
    phone_digits,
    plain,
    search_text,
)

LETTERS = st.text("aäÄ\u0308\u0301éeE\u0131İISsßø æ'-", max_size=6)
PHONES = st.text("0123456789+-() x.", max_size=14)


def finds(search: str, *, email: str = "", name: str = "", phone: str = "") -> bool:
    looked_for = Search.of(search)
    return looked_for is None or looked_for.finds(search_text(email, name, phone))


def test_every_character_is_plain_after_one_folding() -> None:
    for code in range(0x30000):
        if not 0xD800 <= code < 0xE000:
            once = plain(fold(chr(code)))
            assert plain(fold(once)) == once, hex(code)
            assert not any(map(unicodedata.combining, once)), hex(code)


@given(LETTERS, LETTERS, LETTERS)
def test_a_part_of_a_name_finds_it_in_any_spelling(before: str, part: str, after: str) -> None:
    name = before + part + after
    for spelled in (part, part.upper(), unicodedata.normalize("NFD", part), plain(fold(part))):
        is_match = finds(spelled, name=name)
        assert is_match or not plain(fold(spelled)), (spelled, name)


@given(LETTERS, LETTERS)
def test_what_was_found_by_folded_texts_is_found(search: str, name: str) -> None:
    if fold(search) in fold(name) and plain(fold(search)):
        assert finds(search, name=name)
        assert finds(search, email=name) or len(search.split()) > 1  # no address has a space


@given(LETTERS, LETTERS)
def test_a_word_that_is_in_no_name_finds_nobody(search: str, name: str) -> None:
    missing = [word for word in plain(fold(search)).split() if word not in plain(fold(name))]
    if missing:
        assert not finds(search, name=name)


@given(st.lists(st.sampled_from(["ada", "Ann", "müller", "smith"]), min_size=2, unique=True))
def test_words_find_a_name_in_any_order(words: list[str]) -> None:
    assert finds(" ".join(words), name=" ".join(reversed(words)))
    assert not finds(" ".join([*words, "jones"]), name=" ".join(words))


@given(PHONES, PHONES, PHONES)
def test_digits_find_a_phone_number_in_any_spelling(before: str, part: str, after: str) -> None:
    digits = phone_digits(before) + phone_digits(part) + phone_digits(after)
    is_match = finds(part, phone=" ".join(digits))
    if len(phone_digits(part)) >= 5:
        assert is_match


@pytest.mark.parametrize("search", ["1234", "0000", "12 34", "+1-234"])
def test_four_digits_are_found_as_they_are_written_only(search: str) -> None:
    digits = phone_digits(search)
    assert finds(search, phone=f"99{search}99")
    assert not finds(search, phone="99" + "-".join(digits) + "99")


@pytest.mark.parametrize(
    ("search", "phone", "is_match"),
    [
        ("0170 1234567", "+49 170 1234567", True),
        ("+49 170 1234567", "0170 1234567", True),
        ("+49 170 1234567", "170 1234567", True),
        ("+49 170 1234567", "0170 1234567 x8", True),
        ("+49 170 1234567", "170 1234567 / 030 1", True),
        ("+49 170 1234567", "030 1 / 0170 1234567", True),
        ("+49 170 1234567", "0049 0170 1234567", True),
        ("+49 170 1234567", "+43 170 1234567", False),
        ("49170 1234567", "0170 1234567", True),
        ("4917 123456", "0170 123456", False),
        ("+49 170 1234567", "5170 1234567", False),
        ("0049170 1234567", "+49-170-1234567", True),
        ("+44 20 7946 0958", "(0)20 7946 0958", True),
        ("00000", "1234567", False),
        ("00000", "100000", True),
        ("01234", "991234", False),
        ("ada 12345", "12345", False),
        ("12345x", "(12)345", True),
        ("12\u201345\u20136", "12 456", True),
        ("+1 234 567", "234567", False),
        ("0049 170", "+49 170 1234567", True),
        ("0170 12", "+49 170 1234567", True),
        ("+49 170 1234567", "701234567", False),
        ("+49 170 1234567", "0701234567", False),
        ("+353 1 234 5678", "01 234 5678", True),
        ("12\u221234\u22125", "12 345", True),
        ("1\u03082345", "12 345", False),
        ("+36 30 765 4321", "06 30 765 4321", True),
        ("06 30 765 4321", "+36 30 765 4321", True),
        ("+7 495 123-45-67", "8 (495) 123-45-67", True),
        ("8 (495) 123-45-67", "+7 495 123-45-67", True),
        ("8 (495) 123-45-67", "+84 95 123 45 67", True),
        ("8 495 123", "+7 495 123-45-67", False),
        ("+375 29 123 45 67", "8 029 123 45 67", True),
        ("011 49 170 1234567", "0170 1234567", True),
        ("011 44 20 7946 0958", "+44 20 7946 0958", True),
        ("011 234 5678", "+39 011 234 5678", True),
        ("0113 496 0000", "+44 113 496 0000", True),
    ],
)
def test_country_codes_and_leading_zeros(search: str, phone: str, *, is_match: bool) -> None:
    assert finds(search, phone=phone) is is_match


def test_digits_are_looked_for_in_phone_numbers_only() -> None:
    assert not finds("12-34-56", name="123456", email="123456@x.test")
    assert finds("123456", name="123456")


def test_parts_of_two_lines_are_not_found() -> None:
    for search in ("x.test ada", "smith 1"):
        assert not finds(search, email="a@x.test", name="Ada Smith", phone="1 2 3")


def test_a_repeated_word_is_one_word() -> None:
    assert finds("smith smith", name="Ada Smith")
    assert not finds("smith smith", name="Ada Jones")


def test_a_search_of_nothing_but_marks_finds_nobody() -> None:
    assert not finds("\u0301", name="x\u0301q\u0301")


def test_words_are_looked_for_in_the_name_only() -> None:
    assert not finds("smith x.test", email="a@x.test", name="Ada Smith")
    assert not finds("ada 415", name="Ada", phone="415")


def test_an_order_is_meant_in_any_letter_case_with_and_without_a_number_sign() -> None:
    search = Search.of("#Ab-1")
    assert search is not None
    assert search.order_number == order_number_key("aB-1") == "ab-1"
    assert set(search.order_ids) == {"#Ab-1", "#AB-1", "#ab-1"}


def test_the_sign_before_a_number_does_not_count_as_one_of_its_characters() -> None:
    search = Search.of(f"#{'N' * 100}")
    assert search is not None
    assert (search.order_number, search.order_ids) == ("n" * 100, ())


@pytest.mark.parametrize("search", ["x" * 101, f"{'x' * 100}@", " "])
def test_some_searches_mean_no_order(search: str) -> None:
    looked_for = Search.of(search)
    assert looked_for is None or (looked_for.order_number, looked_for.order_ids) == ("", ())


def test_a_long_search_costs_little() -> None:
    assert not finds("a\u0301\u0316" * 3_000, name="Ada")
    assert not finds(" ".join(map(str, range(3_000))), name="Ada")
