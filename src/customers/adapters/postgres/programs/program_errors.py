"""What PostgreSQL's programs say when they fail, without any rows of the database.

A program's message is followed by lines of details, which may contain rows: they are left out,
except for the server's message in them.
"""

import re

# psql with verbose messages: `psql:<stdin>:12: ERROR:  23505: duplicate key value …`
_SERVER_MESSAGE = re.compile(
    r"^psql:\S+:\d+: [^:\n]+:  (?P<state>[0-9A-Z]{5}): (?P<text>.*)$", re.M
)
_PROGRAM_ERROR = re.compile(r"^\w+: error: (?P<text>.*)$", re.M)
_SERVER_SAID = re.compile(r"^\w+: detail: Error message from server: [^:\n]+:  (?P<text>.*)$", re.M)
# The class of data exceptions, whose messages quote values.
_WITH_VALUES = "22"


def first_error(errors: str) -> str:
    """The first error of pg_dump, pg_restore or psql, and the server's message to it, if any."""
    program = _PROGRAM_ERROR.search(errors)
    server = _SERVER_SAID.search(errors)
    texts = [match["text"].rstrip(" .:") for match in (program, server) if match]
    return ": ".join(texts) or "it gave no reason"


def server_error(errors: str) -> tuple[str, str] | None:
    """The SQLSTATE and the message of the error that ended a psql script; None without one."""
    messages = list(_SERVER_MESSAGE.finditer(errors))  # notices may precede the error
    if not messages:
        return None
    state, text = messages[-1]["state"], messages[-1]["text"]
    return state, "a value is invalid" if state.startswith(_WITH_VALUES) else text
