"""Log lines: their form, and the personal data that they must never contain."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customers.core.errors.ledger import OrderConflict
from customers.entrypoints.observability.logs import RequestScope, configure, log_request, logger
from customers.entrypoints.observability.redaction import redact
from tests.support.log_stream import log_stream

SECRET = "ann@example.test"


@pytest.fixture
def stream() -> Iterator[StringIO]:
    with log_stream() as stream:
        yield stream


@pytest.fixture
def lines(stream: StringIO) -> StringIO:
    configure("info", as_json=True, stream=stream)
    return stream


def parse(lines: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def only_line(lines: StringIO) -> dict[str, Any]:
    (line,) = parse(lines)
    return line


def raise_unique_violation() -> None:
    address = SECRET
    violation = asyncpg.UniqueViolationError(f"duplicate: {address}")
    violation.detail = f"Key (email)=({address}) already exists."
    violation.constraint_name = "customers_email_key"
    raise violation


def test_a_line_is_a_json_object_with_timestamp_level_and_event(lines: StringIO) -> None:
    logger().warning("pool exhausted", waiting=3)
    line = only_line(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "warning", "event": "pool exhausted", "waiting": 3}


def test_events_below_the_level_are_not_logged(lines: StringIO) -> None:
    logger().debug("ours")
    logging.getLogger("anything").debug("a library's")
    assert lines.getvalue() == ""


def test_every_line_of_a_request_has_its_id_and_later_lines_do_not(lines: StringIO) -> None:
    with RequestScope("r-1"):
        logger().info("ours")
        logging.getLogger("aiohttp.server").error("a library's")
    logger().info("after")
    assert [line.get("request_id") for line in parse(lines)] == ["r-1", "r-1", None]


def test_the_line_of_a_request_has_only_route_template_status_and_duration(lines: StringIO) -> None:
    route = "/api/v1/customers/{id}"
    with RequestScope("r-1"):
        log_request(method="GET", route=route, status=200, seconds=0.0123456)
    line = only_line(lines)
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
    assert only_line(lines)["route"] == "unmatched"


@pytest.mark.parametrize("is_probe", [True, False])
def test_a_request_with_a_server_error_is_logged_as_an_error(
    is_probe: bool, lines: StringIO
) -> None:
    log_request(method="GET", route="/health", status=503, seconds=0.001, is_probe=is_probe)
    assert only_line(lines)["level"] == "error"


def test_a_probe_is_logged_at_debug(stream: StringIO) -> None:
    configure("debug", as_json=True, stream=stream)
    log_request(method="GET", route="/live", status=200, seconds=0.001, is_probe=True)
    assert only_line(stream)["level"] == "debug"


@pytest.mark.parametrize(
    "name",
    ["email", "customer_email", "firstName", "phone", "notes", "gateway_token", "PASSWORD", "dsn"],
)
def test_values_under_personal_names_are_redacted(name: str) -> None:
    assert redact(name, "anything") == "***"
    assert redact("customer", {name: ["anything"]}) == {name: "***"}


@pytest.mark.parametrize("name", ["customer_id", "note_id", "address_count", "method", "tenant"])
def test_ids_and_counts_are_not_redacted(name: str) -> None:
    assert redact(name, 3) == 3


@pytest.mark.parametrize("before", ["", "Bearer ", "/keys?key="])
def test_api_keys_are_redacted_in_any_text(before: str) -> None:
    secret = "0123456789abcdef" * 4
    redacted = redact("event", f"{before}csk_{UUID(int=0)}_{secret} was sent")
    assert redacted == f"{before}*** was sent"


@settings(max_examples=100)
@given(email=st.emails(), before=st.text(max_size=20), after=st.text(max_size=20))
def test_email_addresses_are_redacted_in_any_text(email: str, before: str, after: str) -> None:
    local, _, domain = email.partition("@")
    assert f"{local}@{domain}" not in str(redact("event", f"{before} {email} {after}"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_role_and_host_of_a_database_are_not_redacted(scheme: str) -> None:
    assert redact("event", f"{scheme}://shop@db:5432/x") == f"{scheme}://shop@db:5432/x"
    assert redact("event", f"{scheme}://shop:pw@db:5432/x") == f"{scheme}://shop:***@db:5432/x"


def test_a_very_long_text_is_searched_quickly() -> None:
    assert redact("event", "a" * 200_000 + " @") == "a" * 200_000 + " @"


def test_passwords_are_redacted_in_any_text(lines: StringIO) -> None:
    logger().info("cannot reach postgres://shop:hunter2@db/customers", tried=["a://b:hunter2@c"])
    logging.getLogger("asyncpg").warning("password=%s", "hunter2")
    assert "hunter2" not in lines.getvalue()


def test_signed_tokens_are_redacted_in_any_text() -> None:
    redacted = redact("event", "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl was sent")
    assert redacted == "Bearer *** was sent"


def test_bytes_of_libraries_are_not_logged(lines: StringIO) -> None:
    logging.getLogger("grpc._cython.cygrpc").error("Invalid encoding on %s", b"a gateway's secret")
    assert only_line(lines)["event"] == "Invalid encoding on <bytes>"


def test_an_object_is_logged_as_its_type(lines: StringIO) -> None:
    logger().info("changed", customer=ValueError(SECRET), others={"key": (object(),)})
    line = only_line(lines)
    assert (line["customer"], line["others"]) == ("<ValueError>", {"key": ["<object>"]})


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_of_the_driver_is_logged_without_its_values(
    stream: StringIO, as_json: bool
) -> None:
    configure("info", as_json=as_json, stream=stream)
    try:
        raise_unique_violation()
    except asyncpg.UniqueViolationError:
        logger().exception("not stored")
    text = stream.getvalue()
    assert "23505" in text
    assert "customers_email_key" in text
    assert "in raise_unique_violation" in text
    assert "ann" not in text


def test_an_exception_is_logged_with_types_codes_and_frames_down_to_its_cause(
    lines: StringIO,
) -> None:
    try:
        try:
            raise_unique_violation()
        except asyncpg.UniqueViolationError as violation:
            raise OrderConflict from violation
    except OrderConflict:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    summary = only_line(lines)["exception"]
    assert summary["type"] == "customers.core.errors.ledger.OrderConflict"
    assert summary["code"] == "ORDER_CONFLICT"
    assert summary["causes"][0]["frames"][-1].endswith(" in raise_unique_violation")
    assert summary["causes"][0]["constraint"] == "customers_email_key"


def test_the_message_of_a_programming_error_is_logged(lines: StringIO) -> None:
    logger().error("failed", exc_info=TypeError("'NoneType' object is not iterable"))
    assert only_line(lines)["exception"]["message"] == "'NoneType' object is not iterable"


def test_every_exception_of_a_group_is_logged(lines: StringIO) -> None:
    group = ExceptionGroup(SECRET, [KeyError(SECRET), OSError("no route")])
    logger().error("failed", exc_info=group)
    members = only_line(lines)["exception"]["causes"]
    assert [member["type"] for member in members] == ["KeyError", "OSError"]
    assert [member.get("message") for member in members] == [None, "no route"]


def test_only_the_first_line_of_a_librarys_message_is_logged(lines: StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <%s>", "Ann")
    line = only_line(lines)
    assert (line["event"], line["logger"]) == ("Task exception was never retrieved", "asyncio")


def test_a_librarys_message_that_does_not_fit_its_arguments_is_still_logged(
    lines: StringIO,
) -> None:
    logging.getLogger("anything").error("%d rows", "many")
    assert only_line(lines)["event"] == "%d rows"


def test_sql_statements_with_their_values_are_never_logged(stream: StringIO) -> None:
    configure("debug", as_json=True, stream=stream)
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT INTO customers VALUES (%s)", "Ann")
    assert stream.getvalue() == ""


def test_text_lines_have_no_colours_without_a_terminal(stream: StringIO) -> None:
    configure("info", as_json=False, stream=stream)
    logger().info("listening", port=8089)
    assert stream.getvalue().rstrip().endswith("[info     ] listening port=8089")
    assert "\x1b" not in stream.getvalue()


def test_the_last_configuration_applies(stream: StringIO) -> None:
    configure("info", as_json=True, stream=StringIO())
    configure("error", as_json=True, stream=stream)
    logger().info("ours")
    logging.getLogger("anything").error("a library's")
    assert only_line(stream)["event"] == "a library's"


def test_logging_to_a_closed_stream_does_not_fail(lines: StringIO) -> None:
    lines.close()
    logger().info("ours")
    logging.getLogger("anything").error("a library's")


def test_any_text_can_be_logged(lines: StringIO) -> None:
    logger().info("odd", value="\ud800 \x00 \n é", number=float("nan"))
    line = only_line(lines)
    assert (line["value"], line["number"]) == ("\ud800 \x00 \n é", "nan")
