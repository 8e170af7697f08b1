"""An exception as it may be logged: its type, its codes and its stack frames.

Local variables are never included, and a message only for errors about code or the operating
system: the messages of drivers and parsers repeat the values they failed on.
"""

from collections.abc import Iterator, Mapping
from traceback import walk_tb
from typing import Self

from attrs import frozen

_MAX_DEPTH = 5
_MAX_FRAMES = 30
_WITH_MESSAGE = (
    AttributeError,
    ImportError,
    ModuleNotFoundError,
    NameError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    UnboundLocalError,
)
# Keys of the summary to attributes of our errors and of asyncpg's.
_CODES = {"code": "code", "sqlstate": "sqlstate", "constraint": "constraint_name"}


@frozen(kw_only=True)
class ExceptionSummary:
    """What may be logged about an exception.

    `frames` are "file:line in function", the outermost first; of many, the innermost 30. `codes`
    are those of our errors and of the database. `causes` are the members of a group, then the
    exception that it was raised from, or while handling which it was raised.
    """

    type: str
    message: str
    codes: Mapping[str, str]
    frames: tuple[str, ...]
    causes: tuple[Self, ...]

    @classmethod
    def of(cls, error: BaseException, depth: int = _MAX_DEPTH) -> Self:
        has_message = type(error) in _WITH_MESSAGE or isinstance(error, OSError)
        return cls(
            type=_full_name(type(error)),
            message=str(error) if has_message else "",
            codes=_codes(error),
            frames=_frames(error),
            causes=tuple(cls.of(cause, depth - 1) for cause in _causes(error) if depth),
        )

    def as_dict(self) -> dict[str, object]:
        """The summary for a JSON log line; empty values are omitted, except `frames`."""
        return {
            "type": self.type,
            **({"message": self.message} if self.message else {}),
            **self.codes,
            "frames": list(self.frames),
            **({"causes": [cause.as_dict() for cause in self.causes]} if self.causes else {}),
        }

    def as_text(self, indent: str = "  ") -> str:
        """The summary for a terminal: a headline, the frames, then the causes indented."""
        headline = [self.type, *self.codes.values(), *filter(None, [self.message])]
        lines = [indent + ": ".join(headline)]
        lines += [f"{indent}  at {frame}" for frame in self.frames]
        lines += [cause.as_text(indent + "  ") for cause in self.causes]
        return "\n".join(lines)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _codes(error: BaseException) -> dict[str, str]:
    codes = {name: getattr(error, attribute, None) for name, attribute in _CODES.items()}
    return {name: code for name, code in codes.items() if isinstance(code, str)}


def _frames(error: BaseException) -> tuple[str, ...]:
    frames = tuple(
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
        for frame, line in walk_tb(error.__traceback__)
    )
    return frames[-_MAX_FRAMES:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        yield from error.exceptions
    context = None if error.__suppress_context__ else error.__context__
    if cause := error.__cause__ or context:
        yield cause
