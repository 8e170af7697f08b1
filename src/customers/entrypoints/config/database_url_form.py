"""Checks the form of a `postgresql://` URL, so that no message shows parts of its password.

In a password that is not percent-encoded, a character such as `/` ends what drivers take for the
password; the rest becomes a host, a database or a parameter, which messages show.
"""

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

_INVALID = re.compile(r"[\s\x00-\x1f\x7f#]")
_HOST = re.compile(r"(?:\[[^\[\]@]+\]|[^:\[\]@]+)(?::([0-9]{0,5}))?")
_PARAMETER = re.compile(r"[\w.]+=(?!.*@.*/).*")
_MAX_PORT = 65_535


def is_well_formed(url: str) -> bool:
    """Whether the URL is unambiguous: an unencoded `@` or `#` in a password makes it ambiguous. The
    URL may have several hosts, each with or without a port, as asyncpg takes them.
    """
    parts = _parts(url)
    if parts is None:
        return False
    user, _, hosts = parts.netloc.rpartition("@")
    return (
        "@" not in user + parts.path
        and ("@" not in parts.query or all(map(_PARAMETER.fullmatch, parts.query.split("&"))))
        and (not hosts or all(map(_is_host, hosts.split(","))))
    )


def names_host(url: str) -> bool:
    """Whether a well-formed URL names a host; else drivers take one from PGHOST or a default."""
    parts = urlsplit(url)
    return bool(parts.netloc.rpartition("@")[2]) or "host" in parse_qs(parts.query)


def _parts(url: str) -> SplitResult | None:
    try:
        return None if _INVALID.search(url) else urlsplit(url)
    except ValueError:  # an unclosed bracket
        return None


def _is_host(text: str) -> bool:
    """Whether the text is a host with or without a port."""
    match = _HOST.fullmatch(text)
    return match is not None and 0 < int(match[1] or _MAX_PORT) <= _MAX_PORT
