"""An exception as log lines may tell it: its type, its codes and where it happened.

Never local variables, and a message only from errors that speak of code or of the machine: those
of drivers and parsers repeat the values they stumbled over.
"""

from collections.abc import Iterator, Mapping
from traceback import walk_tb
from typing import Self

from attrs import frozen

_DEEPEST = 5
_MOST_FRAMES = 30
_SPEAK_OF_CODE = (
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
_CODES = {"code": "code", "sqlstate": "sqlstate", "constraint": "constraint_name"}


@frozen(kw_only=True)
class ExceptionSummary:
    """What may be told of an exception.

    `frames` are "file:line in function", the outermost first; `codes` those of our errors and of
    the database; `causes` the exception it was raised from, or the members of a group.
    """

    type: str
    message: str
    codes: Mapping[str, str]
    frames: tuple[str, ...]
    causes: tuple[Self, ...]

    @classmethod
    def of(cls, raised: BaseException, depth: int = _DEEPEST) -> Self:
        speaks_of_code = type(raised) in _SPEAK_OF_CODE or isinstance(raised, OSError)
        return cls(
            type=_full_name(type(raised)),
            message=str(raised) if speaks_of_code else "",
            codes=_codes(raised),
            frames=_frames(raised),
            causes=tuple(cls.of(cause, depth - 1) for cause in _causes(raised) if depth),
        )

    def as_dict(self) -> dict[str, object]:
        """For a line of JSON; what is empty is left out, `type` and `frames` excepted."""
        return {
            "type": self.type,
            **({"message": self.message} if self.message else {}),
            **self.codes,
            "frames": list(self.frames),
            **({"causes": [cause.as_dict() for cause in self.causes]} if self.causes else {}),
        }

    def as_text(self, indent: str = "  ") -> str:
        """For people: a headline, the frames below it, the causes below them."""
        told = [self.type, *self.codes.values(), *filter(None, [self.message])]
        lines = [indent + ": ".join(told)]
        lines += [f"{indent}  at {frame}" for frame in self.frames]
        lines += [cause.as_text(indent + "  ") for cause in self.causes]
        return "\n".join(lines)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _codes(raised: BaseException) -> dict[str, str]:
    told = {name: getattr(raised, attribute, None) for name, attribute in _CODES.items()}
    return {name: code for name, code in told.items() if isinstance(code, str)}


def _frames(raised: BaseException) -> tuple[str, ...]:
    frames = tuple(
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
        for frame, line in walk_tb(raised.__traceback__)
    )
    return frames[-_MOST_FRAMES:]


def _causes(raised: BaseException) -> Iterator[BaseException]:
    if isinstance(raised, BaseExceptionGroup):
        yield from raised.exceptions
    context = None if raised.__suppress_context__ else raised.__context__
    if cause := raised.__cause__ or context:
        yield cause
