"""What commands print: sentences, or JSON objects in production."""

import json

import pytest

from customers.entrypoints.observability.output import Output


def test_a_result_is_a_sentence_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).info("3 tenants checked", tenants=3)
    assert capsys.readouterr() == ("3 tenants checked\n", "")


def test_a_failure_is_a_sentence_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).error("the port is in use", port=8089)
    assert capsys.readouterr() == ("", "Error: the port is in use\n")


@pytest.mark.parametrize("level", ["info", "error"])
def test_every_line_is_a_json_object_in_production(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    getattr(Output(as_json=True), level)("first\nsecond", tenants=3)
    [line] = "".join(capsys.readouterr()).splitlines()
    written = json.loads(line)
    assert written.pop("timestamp").endswith("Z")
    assert written == {"level": level, "event": "first\nsecond", "tenants": 3}


@pytest.mark.parametrize("as_json", [False, True])
def test_what_an_operator_has_asked_for_is_shown_as_it_is(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Output(as_json=as_json).show("created", key="csk_1_2", name="Billing", expires_at=None)
    [line] = capsys.readouterr().out.splitlines()
    if not as_json:
        assert line == "created"
        return
    written = json.loads(line)
    assert written.pop("timestamp").endswith("Z")
    values = {"key": "csk_1_2", "name": "Billing", "expires_at": None}
    assert written == {"level": "info", "event": "created", **values}
