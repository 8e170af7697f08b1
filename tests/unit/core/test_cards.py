"""Card numbers are found however they are written, and nothing else is taken for one."""

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
def test_a_card_number_is_found_however_it_is_written(text: str) -> None:
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
def test_what_is_no_card_number_passes(text: str) -> None:
    assert not card_numbers({"token": text})


@pytest.mark.parametrize("key", ["cvv", "CVC", "cardNumber", "card_number", "PAN", "card-number"])
def test_a_key_that_names_card_data_is_refused(key: str) -> None:
    (problem,) = card_numbers({key: "1"})
    assert (problem.field, problem.code) == (key, "CARD_NUMBER_REFUSED")


def test_every_place_is_named_and_no_value_is() -> None:
    body = {"a": [{"b": "4111111111111111"}], "c": 4111111111111111, "4111111111111111": 1}
    problems = card_numbers(body)
    assert [problem.pointer for problem in problems] == ["/a/0/b", "/c", ""]
    assert "4111" not in str(problems)
