"""What is written about what happens, and what must never be."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.core.errors import OrderConflict
from customers.entrypoints.observability.logs import RequestScope, configure, log_request, logger
from customers.entrypoints.observability.redaction import hidden

SECRET = "ann@example.test"


@pytest.fixture
def stream() -> Iterator[StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield StringIO()
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)


@pytest.fixture
def lines(stream: StringIO) -> StringIO:
    configure("info", as_json=True, stream=stream)
    return stream


def read(lines: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def the_only(lines: StringIO) -> dict[str, Any]:
    (line,) = read(lines)
    return line


def violate() -> None:
    address = SECRET
    violation = asyncpg.UniqueViolationError(f"duplicate: {address}")
    violation.detail = f"Key (email)=({address}) already exists."
    violation.constraint_name = "customers_email_key"
    raise violation


def test_a_line_is_an_object_with_its_moment_in_utc_its_level_and_what_happened(
    lines: StringIO,
) -> None:
    logger().warning("pool exhausted", waiting=3)
    line = the_only(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "warning", "event": "pool exhausted", "waiting": 3}


def test_lines_below_the_level_are_not_written(lines: StringIO) -> None:
    logger().debug("ours")
    logging.getLogger("anything").debug("a library's")
    assert lines.getvalue() == ""


def test_every_line_of_a_request_carries_its_id_and_none_after_it(lines: StringIO) -> None:
    with RequestScope("r-1"):
        logger().info("ours")
        logging.getLogger("aiohttp.server").error("a library's")
    logger().info("after")
    assert [line.get("request_id") for line in read(lines)] == ["r-1", "r-1", None]


def test_the_line_of_a_request_tells_template_status_and_duration_and_no_more(
    lines: StringIO,
) -> None:
    route = "/api/v1/customers/{id}"
    with RequestScope("r-1"):
        log_request(method="GET", route=route, status=200, seconds=0.0123456)
    line = the_only(lines)
    del line["timestamp"]
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": route,
        "status": 200,
        "duration_ms": 12.346,
        "request_id": "r-1",
    }


def test_a_request_that_matched_no_route_is_logged_without_its_path(lines: StringIO) -> None:
    log_request(method="GET", route=None, status=404, seconds=0.001)
    assert the_only(lines)["route"] == "unmatched"


def test_the_line_of_a_request_that_failed_is_an_error(lines: StringIO) -> None:
    log_request(method="GET", route="/health", status=503, seconds=0.001)
    assert the_only(lines)["level"] == "error"


@pytest.mark.parametrize(
    "name",
    ["email", "customer_email", "firstName", "phone", "notes", "gateway_token", "PASSWORD", "dsn"],
)
def test_what_is_logged_under_a_personal_name_is_hidden(name: str) -> None:
    assert hidden(name, "anything") == "***"
    assert hidden("customer", {name: ["anything"]}) == {name: "***"}


@pytest.mark.parametrize("name", ["customer_id", "note_id", "address_count", "method", "tenant"])
def test_ids_and_counts_are_not_hidden(name: str) -> None:
    assert hidden(name, 3) == 3


@settings(max_examples=100)
@given(email=st.emails(), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_email_address_is_written_whole(email: str, before: str, after: str) -> None:
    local, _, domain = email.partition("@")
    assert f"{local}@{domain}" not in str(hidden("event", f"{before} {email} {after}"))


def test_a_very_long_text_is_searched_in_no_time() -> None:
    assert hidden("event", "a" * 200_000 + " @") == "a" * 200_000 + " @"


def test_the_password_of_an_address_is_hidden_wherever_it_stands(lines: StringIO) -> None:
    logger().info("cannot reach postgres://shop:hunter2@db/customers", tried=["a://b:hunter2@c"])
    logging.getLogger("asyncpg").warning("password=%s", "hunter2")
    assert "hunter2" not in lines.getvalue()


def test_an_object_is_named_by_its_type_only(lines: StringIO) -> None:
    logger().info("changed", customer=ValueError(SECRET), others={"key": (object(),)})
    line = the_only(lines)
    assert (line["customer"], line["others"]) == ("<ValueError>", {"key": ["<object>"]})


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_of_the_driver_is_told_without_the_values_in_it(
    stream: StringIO, as_json: bool
) -> None:
    configure("info", as_json=as_json, stream=stream)
    try:
        violate()
    except asyncpg.UniqueViolationError:
        logger().exception("not stored")
    told = stream.getvalue()
    assert "23505" in told
    assert "customers_email_key" in told
    assert "in violate" in told
    assert "ann" not in told


def test_an_exception_is_told_by_type_codes_and_places_down_to_its_cause(lines: StringIO) -> None:
    try:
        try:
            violate()
        except asyncpg.UniqueViolationError as violation:
            raise OrderConflict from violation
    except OrderConflict:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    told = the_only(lines)["exception"]
    assert (told["type"], told["code"]) == ("customers.core.errors.OrderConflict", "ORDER_CONFLICT")
    assert told["causes"][0]["frames"][-1].endswith(" in violate")
    assert told["causes"][0]["constraint"] == "customers_email_key"


def test_the_message_of_an_error_in_the_code_is_told(lines: StringIO) -> None:
    logger().error("defect", exc_info=TypeError("'NoneType' object is not iterable"))
    assert the_only(lines)["exception"]["message"] == "'NoneType' object is not iterable"


def test_every_member_of_a_group_is_told(lines: StringIO) -> None:
    group = ExceptionGroup(SECRET, [KeyError(SECRET), OSError("no route")])
    logger().error("failed", exc_info=group)
    members = the_only(lines)["exception"]["causes"]
    assert [member["type"] for member in members] == ["KeyError", "OSError"]
    assert [member.get("message") for member in members] == [None, "no route"]


def test_of_a_librarys_message_only_the_first_line_is_written(lines: StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <%s>", "Ann")
    line = the_only(lines)
    assert (line["event"], line["logger"]) == ("Task exception was never retrieved", "asyncio")


def test_a_librarys_message_that_does_not_fit_its_arguments_is_still_written(
    lines: StringIO,
) -> None:
    logging.getLogger("anything").error("%d rows", "many")
    assert the_only(lines)["event"] == "%d rows"


def test_statements_with_their_values_are_never_written(stream: StringIO) -> None:
    configure("debug", as_json=True, stream=stream)
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT INTO customers VALUES (%s)", "Ann")
    assert stream.getvalue() == ""


def test_for_people_a_line_is_text_without_colours_where_there_is_no_terminal(
    stream: StringIO,
) -> None:
    configure("info", as_json=False, stream=stream)
    logger().info("listening", port=8089)
    assert stream.getvalue().rstrip().endswith("[info     ] listening port=8089")
    assert "\x1b" not in stream.getvalue()


def test_the_last_configuration_counts(stream: StringIO) -> None:
    configure("info", as_json=True, stream=StringIO())
    configure("error", as_json=True, stream=stream)
    logger().info("ours")
    logging.getLogger("anything").error("a library's")
    assert the_only(stream)["event"] == "a library's"


def test_a_line_that_cannot_be_written_is_lost_and_nothing_fails(lines: StringIO) -> None:
    lines.close()
    logger().info("ours")
    logging.getLogger("anything").error("a library's")


def test_any_text_makes_a_line(lines: StringIO) -> None:
    logger().info("odd", value="\ud800 \x00 \n é", number=float("nan"))
    line = the_only(lines)
    assert (line["value"], line["number"]) == ("\ud800 \x00 \n é", "nan")
