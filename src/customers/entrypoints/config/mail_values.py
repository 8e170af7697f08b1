"""The types of the mail settings; their parsers raise errors as in `setting_parsers`."""

import re
from typing import Any, Literal, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from attrs import frozen

from customers.entrypoints.config import setting_parsers
from customers.entrypoints.config.setting_types import Secret

_PORTS = {"smtp": 587, "smtps": 465}
_FORM = "smtp://user:password@host:587 or smtps://user:password@host:465"
_TENANT = "{tenant}"
# A sender's address, such as no-reply@localhost: plain ASCII, which every server takes.
_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


@frozen(repr=False)
class SmtpUrl(Secret):
    """The URL of an SMTP server, and its parts. `str` and `repr` hide all of it.

    With `smtp://`, STARTTLS is required if the URL names a user, and otherwise used if the server
    offers it; `?starttls=required` and `?starttls=offered` override this.
    """

    @classmethod
    def parse(cls, text: str) -> Self:
        url = cls(text)
        try:
            parts = url._parts()
            is_url = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
            is_url = is_url and parts.path in ("", "/") and bool(parts.username) >= ("@" in text)
        except ValueError:
            is_url = False
        if not is_url or any(map(str.isspace, text)) or url._starttls() is None:
            raise ValueError(f"is not the URL of an SMTP server, such as {_FORM}")
        return url

    @property
    def host(self) -> str:
        return self._parts().hostname or ""

    @property
    def port(self) -> int:
        parts = self._parts()
        return parts.port or _PORTS[parts.scheme]

    @property
    def user(self) -> str:
        return unquote(self._parts().username or "")

    @property
    def password(self) -> str:
        return unquote(self._parts().password or "")

    @property
    def tls(self) -> Literal["always", "required", "offered"]:
        if self._parts().scheme == "smtps":
            return "always"
        return self._starttls() or "required"

    def _parts(self) -> SplitResult:
        return urlsplit(self.reveal())

    def _starttls(self) -> Literal["required", "offered"] | None:
        """Whether STARTTLS is required or only used if offered; None if the query is invalid."""
        parts = self._parts()
        values: Any = parse_qs(parts.query, keep_blank_values=True)
        default = "required" if parts.username else "offered"
        [choice] = values.pop("starttls", [default])[:1]
        return choice if choice in ("required", "offered") and not values else None


def mail_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is not an e-mail address, such as no-reply@example.test")
    return text


def storefront_url(text: str) -> str:
    """Parses a URL that may contain `{tenant}` but no query or fragment."""
    parse = setting_parsers.url("the URL of a storefront", "https", "http")
    parsed = parse(text.replace(_TENANT, "tenant"))
    if "?" in parsed or "#" in parsed or "{" in parsed or "}" in parsed:
        raise ValueError(
            "is not the URL of a storefront, such as https://shop.example.test/{tenant}: it must "
            "not have a query, a fragment or other braces"
        )
    return text
