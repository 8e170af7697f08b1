"""Refuses unknown parameters: ignoring a misspelt filter would list too much."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from customers.core.errors import UNKNOWN_PARAMETER, Problem

_SIMILARITY = 0.65
_BY_NUMBER = ("page", "offset", "skip")
# The parameters by which lists are walked; the feed of changes is walked by the last one.
_WALKED_BY = ("page", "cursor", "after")
# What other services call these parameters.
_OTHER_NAMES = {
    "q": "search",
    "query": "search",
    "name": "search",
    "phone": "search",
    "type": "customer_type",
    "country": "country_code",
    "opt_in": "marketing_opt_in",
    "verified": "email_verified",
    "segment": "segment_id",
    "from": "created_from",
    "to": "created_to",
    "since": "created_from",
    "until": "created_to",
    "include_deleted": "deleted",
    "sort": "sort_by",
    "order_by": "sort_by",
    "order": "sort_order",
    "per_page": "page_size",
    "size": "page_size",
    "next": "cursor",
    "cursor": "after",
    "communication_type": "type",
}
# How many unknown names are compared, and how long they may be, because comparing is slow.
_MAX_HINTS, _MAX_NAME = 10, 50
# Cache busters (`_`) and the parameters of links in e-mails (`utm_...`) are ignored everywhere.
_IGNORED, _IGNORED_PREFIX = "_", "utm_"


def unknown_parameters(
    spelled: Iterable[tuple[str, str]], known: Collection[str]
) -> Iterator[Problem]:
    """A problem for each unknown parameter. `spelled` has each name as the request spells it and in
    snake_case; `known` has the names of the operation's parameters in snake_case.
    """
    unknown = (names for names in spelled if _is_unknown(*names, known))
    for number, (name, snake_name) in enumerate(unknown):
        is_short = number < _MAX_HINTS and len(name) <= _MAX_NAME
        yield _problem(name, _hint(snake_name, known) if is_short else "", known)


def misspelt_parameters(
    spelled: Iterable[tuple[str, str]], known: Collection[str]
) -> Iterator[Problem]:
    """As `unknown_parameters`, but only for those that look like a known one, or that ask for a
    page by number; others are ignored.
    """
    unknown = [names for names in spelled if _is_unknown(*names, known)]
    for name, snake_name in unknown[:_MAX_HINTS]:
        if len(name) <= _MAX_NAME and (hint := _hint(snake_name, known)):
            yield _problem(name, hint, known)


def resembles(name: str, known: Collection[str]) -> bool:
    """Whether a name in snake_case looks like one of the known names."""
    return len(name) <= _MAX_NAME and _likely(name, known) != ""


def _problem(name: str, hint: str, known: Collection[str]) -> Problem:
    message = f"{hint or 'unknown parameter'}; there are {', '.join([*known, 'tenant_id'])}"
    return Problem(field=name[:_MAX_NAME], code=UNKNOWN_PARAMETER, message=message)


def _is_unknown(name: str, snake_name: str, known: Collection[str]) -> bool:
    if snake_name in known or snake_name == "tenant_id":
        return False
    return name != _IGNORED and not name.lower().startswith(_IGNORED_PREFIX)


def _hint(name: str, known: Collection[str]) -> str:
    """What was probably meant; empty if nothing is likely."""
    if name in _BY_NUMBER:
        walked_by = next((one for one in _WALKED_BY if one in known), "")
        if walked_by:
            by_number = "" if walked_by == "page" else ", not by number"
            return f"this list is walked by {walked_by}{by_number}"
    likely = _likely(name, [*known, "tenant_id"])
    return f"unknown parameter (did you mean {likely}?)" if likely else ""


def _likely(name: str, known: Collection[str]) -> str:
    if (usual := _OTHER_NAMES.get(name, "")) in known:
        return usual
    return next(iter(get_close_matches(name, known, n=1, cutoff=_SIMILARITY)), "")
