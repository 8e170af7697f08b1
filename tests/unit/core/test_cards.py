"""Card numbers and keys for card data are detected in any notation, and nothing else is."""

import pytest

from customers.core.model.cards import card_numbers


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
    ],
)
def test_a_card_number_is_detected_in_any_notation(text: str) -> None:
    assert card_numbers({"token": text})


@pytest.mark.parametrize(
    "text",
    [
        "pm_4111111111111111",
        "4111111111111111x",
        "x4111111111111111",
        "4111111111111112",
        "41111111111",
        "4111.1111.1111.1111",
        "tok-1",
        "",
    ],
)
def test_other_texts_pass(text: str) -> None:
    assert not card_numbers({"token": text})


@pytest.mark.parametrize("key", ["cvv", "CVC", "cardNumber", "card_number", "PAN", "card-number"])
def test_a_key_for_card_data_is_refused(key: str) -> None:
    (problem,) = card_numbers({key: "1"})
    assert (problem.field, problem.code) == (key, "CARD_NUMBER_REFUSED")


def test_problems_name_every_location_and_repeat_no_number() -> None:
    body = {"a": [{"b": "4111111111111111"}], "c": 4111111111111111, "4111111111111111": 1}
    problems = card_numbers(body)
    assert [problem.pointer for problem in problems] == ["/a/0/b", "/c", ""]
    assert "4111" not in str(problems)
