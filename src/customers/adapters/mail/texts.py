"""What a verification mail says, as plain text and as HTML."""

from html import escape
from typing import Final

from customers.core.model.verification import VerificationMail

_BEFORE: Final = "Please open this link within 24 hours to verify your e-mail address:"
_AFTER: Final = "If you did not ask for this, you can ignore this message."


def plain_text(mail: VerificationMail) -> str:
    return f"{_greeting(mail)}\n\n{_BEFORE}\n\n{mail.link}\n\n{_AFTER}\n"


def html(mail: VerificationMail) -> str:
    greeting, link = escape(_greeting(mail)), escape(mail.link)
    return (
        "<!doctype html>\n<html><body>\n"
        f"<p>{greeting}</p>\n<p>{_BEFORE}</p>\n"
        f'<p><a href="{link}">{link}</a></p>\n<p>{_AFTER}</p>\n'
        "</body></html>\n"
    )


def _greeting(mail: VerificationMail) -> str:
    return f"Hello {mail.name}," if mail.name else "Hello,"
