"""How messages quote the text of a setting, unless the text may be a secret."""

import json

_MAX_LENGTH = 60
_PEM = "-----BEGIN"


def quoted(text: str) -> str:
    """The text in quotes, cut after 60 characters. JSON escapes control characters and what a
    terminal cannot show.
    """
    return json.dumps(text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + "...")


def may_be_secret(text: str) -> bool:
    """Whether the text may hold a password, as URLs do, or is the content of a file, such as a
    private key in PEM, in place of its path.
    """
    return "://" in text or _PEM in text or len(text.splitlines()) > 1
