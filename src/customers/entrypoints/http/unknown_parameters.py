"""Refuses unknown parameters of lists: ignoring a misspelt filter would list too much."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from customers.core.errors import UNKNOWN_PARAMETER, Problem

_SIMILARITY = 0.65
_BY_NUMBER = ("page", "offset", "skip")
# How many unknown names are compared, and how long they may be, because comparing is slow.
_MAX_HINTS, _MAX_NAME = 10, 50
# Cache busters (`_`) and the parameters of links in e-mails (`utm_...`) are ignored everywhere.
_IGNORED, _IGNORED_PREFIX = "_", "utm_"


def unknown_parameters(
    spelled: Iterable[tuple[str, str]], known: Collection[str]
) -> Iterator[Problem]:
    """A problem for each unknown parameter. `spelled` has each name as the request spells it and in
    snake_case; `known` has the names of the list's parameters in snake_case.
    """
    unknown = (names for names in spelled if _is_unknown(*names, known))
    yield from _problems(unknown, known)


def numbered_pages(spelled: Iterable[tuple[str, str]], known: Collection[str]) -> Iterator[Problem]:
    """As `unknown_parameters`, but only for parameters that ask for a page by number."""
    yield from _problems(((name, snake) for name, snake in spelled if snake in _BY_NUMBER), known)


def _problems(unknown: Iterable[tuple[str, str]], known: Collection[str]) -> Iterator[Problem]:
    for number, (name, snake_name) in enumerate(unknown):
        is_short = number < _MAX_HINTS and len(name) <= _MAX_NAME
        hint = _hint(snake_name, known) if is_short else "unknown parameter"
        message = f"{hint}; this list takes {', '.join(known)}, tenant_id"
        yield Problem(field=name[:_MAX_NAME], code=UNKNOWN_PARAMETER, message=message)


def _is_unknown(name: str, snake_name: str, known: Collection[str]) -> bool:
    if snake_name in known or snake_name == "tenant_id":
        return False
    return name != _IGNORED and not name.lower().startswith(_IGNORED_PREFIX)


def _hint(name: str, known: Collection[str]) -> str:
    if name in _BY_NUMBER:
        return "this list is walked by " + ("page" if "page" in known else "cursor, not by number")
    likely = get_close_matches(name, [*known, "tenant_id"], n=1, cutoff=_SIMILARITY)
    return f"unknown parameter (did you mean {likely[0]}?)" if likely else "unknown parameter"
