"""Cuts the text of one value out of a JSON text that is known to be valid.

msgspec would be faster, but refuses unpaired surrogates, which other values may contain.
"""

import json
import re

# White space and at most one separator, as between the keys and values of an object.
_SEPARATOR = re.compile(r"[ \t\n\r]*[{:,]?[ \t\n\r]*")


def member_text(text: str, name: str) -> str:
    """The text of the last member with this name in an object; empty if it has none."""
    scan, value = json.JSONDecoder().raw_decode, ""
    position = _after_separator(text, 0)
    while text[position] == '"':
        key, position = scan(text, position)
        start = _after_separator(text, position)
        _, end = scan(text, start)
        if key == name:
            value = text[start:end]
        position = _after_separator(text, end)
    return value


def _after_separator(text: str, position: int) -> int:
    separator = _SEPARATOR.match(text, position)
    return separator.end() if separator else position
