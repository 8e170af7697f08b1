"""Card numbers in common notations and keys for card data are detected, and nothing else is."""

import json
from decimal import Decimal
from unicodedata import decimal

import pytest

from customers.core.errors import Problem
from customers.core.model import cards
from customers.core.model.cards import card_numbers, card_numbers_of_person

CARD = "4111111111111111"
DIGITS_OF_SCRIPTS = [
    code for code in range(0x110000) if decimal(chr(code), None) == 0 and chr(code) != "0"
]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "card: 4111111111111111.",
        "1234 4111111111111111",
        "(378282246310005)",
        "\uff14" + "\uff11" * 15,
        "4111\u20111111\u20111111\u20111111",
        "6304000000000000000",
        "4111.1111.1111.1111",
        "4111/1111/1111/1111",
        "4111,1111,1111,1111",
        "4111, 1111, 1111, 1111",
        "(4111)(1111)(1111)(1111)",
        "[4111] 1111 {1111} 1111",
        "3782.822463.10005",
        "4111\u00a01111\u20021111\t1111",
        "4111\u2e3a1111\uff0d1111\u22121111",
        "on 15.01.2026, 4111.1111.1111.1111",
    ],
)
def test_a_card_number_is_detected_in_any_notation(text: str) -> None:
    assert card_numbers({"token": text})


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u2066", "\ufe0f\u20e3", "\U000e0031"]
)
def test_characters_that_nobody_sees_hide_no_card_number(unseen: str) -> None:
    assert card_numbers({"token": unseen.join(CARD)})
    assert card_numbers({"token": f"{CARD[:6]}{unseen}{CARD[6:]}"})


def test_the_digits_of_every_script_count() -> None:
    assert len(DIGITS_OF_SCRIPTS) > 50
    for zero in DIGITS_OF_SCRIPTS:
        text = "".join(chr(zero + int(digit)) for digit in CARD)
        assert card_numbers({"token": text}), hex(zero)
    assert card_numbers({"token": "\u2463" + "\u2460" * 15})
    assert card_numbers({"token": "\u2074" + "\xb9" * 15})


@pytest.mark.parametrize(
    "number", [4111111111111111, Decimal("4111111111111111.0"), Decimal("4.111111111111111E+15")]
)
def test_a_number_is_detected_too(number: object) -> None:
    assert card_numbers({"token": number})
    assert card_numbers({"token": [{"a": number}]})


@pytest.mark.parametrize(
    "text",
    [
        "pm_4111111111111111",
        "4111111111111111x",
        "x4111111111111111",
        "4111111111111112",
        "41111111111",
        "4111.1111.1111.1112",
        "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
        "41/11/11/11/11/11/11/11",
        "4111:1111:1111:1111",
        "4111\n1111\n1111\n1111",
        "tok-1",
        "",
    ],
)
def test_other_texts_pass(text: str) -> None:
    assert not card_numbers({"token": text})


@pytest.mark.parametrize("number", [Decimal("1E+999999999"), Decimal("NaN"), 0, True, None, 12.5])
def test_other_values_pass(number: object) -> None:
    assert not card_numbers({"token": number})


def test_lists_of_dates_and_amounts_pass_whatever_their_digits_are() -> None:
    for number in range(200):
        day, cents = number % 28 + 1, number % 100
        assert not card_numbers([f"{day:02}.01.2026, {day:02}.02.2026, {day:02}/03/2026"])
        assert not card_numbers([f"12.{cents:02}, 1,{number:03}.50, 99.{cents:02}, 1,000.00"])


@pytest.mark.parametrize("key", ["cvv", "CVC", "cardNumber", "card_number", "PAN", "card-number"])
def test_a_key_for_card_data_is_refused(key: str) -> None:
    (problem,) = card_numbers({key: "1"})
    assert (problem.field, problem.code) == (key, "CARD_NUMBER_REFUSED")


def test_problems_name_every_location_and_repeat_no_number() -> None:
    body = {"a": [{"b": "4111111111111111"}], "c": 4111111111111111, "4111111111111111": 1}
    problems = card_numbers(body)
    assert [problem.pointer for problem in problems] == ["/a/0/b", "/c", ""]
    assert "4111" not in str(problems)


def _pointers(problems: list[Problem]) -> list[str | None]:
    return [problem.pointer for problem in problems]


def test_ids_and_international_phone_numbers_of_a_person_are_no_card_numbers() -> None:
    id = "41111111-1111-1111-8000-000000000000"
    body = {"phone": "+37 8282 246310005", "userId": id, "notes": CARD}
    assert _pointers(card_numbers(body)) == ["/phone", "/userId", "/notes"]
    assert _pointers(card_numbers_of_person(body)) == ["/notes"]
    for phone in (CARD, f"+{CARD}", "378282246310005"):
        assert card_numbers_of_person({"phone": phone}), phone
    assert card_numbers_of_person({"notes": f"+{CARD[:4]} {CARD[4:]} {id}"})


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "4111.", "1" + " " * 200 + "x", "(", "12,", "\u200b", "4111 x"]
)
def test_the_work_grows_with_the_text_and_no_faster(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Luhn sums are taken over at most as many digits as the text has characters."""
    looked_at = 0
    luhn_sums = cards._luhn_sums

    def counted(digits: list[int]) -> tuple[list[int], list[int]]:
        nonlocal looked_at
        looked_at += len(digits)
        return luhn_sums(digits)

    monkeypatch.setattr(cards, "_luhn_sums", counted)
    text = unit * (200_000 // len(unit))
    card_numbers(json.loads(json.dumps({"token": text})))
    assert looked_at <= len(text)
