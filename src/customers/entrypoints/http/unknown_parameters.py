"""Refuses unknown parameters of lists: a filter that is silently ignored shows everybody."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from customers.core.errors import UNKNOWN_PARAMETER, Problem

_SIMILARITY = 0.65
_BY_NUMBER = ("page", "offset", "skip")
# Cache busters, and what links in e-mails carry: they are ignored everywhere.
_IGNORED, _IGNORED_PREFIX = "_", "utm_"


def unknown_parameters(
    spelled: Iterable[tuple[str, str]], known: Collection[str]
) -> Iterator[Problem]:
    """A problem for each unknown parameter; `spelled` has pairs of its name in the request and in
    snake_case, `known` the names of the list in snake_case.
    """
    for name, snake_name in spelled:
        if snake_name in known or snake_name == "tenant_id":
            continue
        if name == _IGNORED or name.lower().startswith(_IGNORED_PREFIX):
            continue
        message = f"{_hint(snake_name, known)}; this list takes {', '.join(known)}, tenant_id"
        yield Problem(field=name, code=UNKNOWN_PARAMETER, message=message)


def _hint(name: str, known: Collection[str]) -> str:
    if name in _BY_NUMBER:
        return "this list is walked by " + ("page" if "page" in known else "cursor, not by number")
    likely = get_close_matches(name, [*known, "tenant_id"], n=1, cutoff=_SIMILARITY)
    return f"unknown parameter (did you mean {likely[0]}?)" if likely else "unknown parameter"
