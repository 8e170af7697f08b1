"""The gates of e-mail addresses, phone numbers and country codes, and keys of e-mail addresses."""

import re
from functools import lru_cache
from typing import Annotated

from attrs import frozen
from email_validator import EmailNotValidError, validate_email

from customers.core.errors import InvalidValue
from customers.core.model.unicode_forms import normalize
from customers.core.model.values import WHITESPACE, TextGate, text_of

_PHONE = re.compile(r"[0-9+\-()./ x]*")


_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")

# The usual form of e-mail addresses. The local part is a dot-atom (RFC 5322, 3.2.3), which is valid
# with every domain, so that only the domain must be checked. Domains in Punycode are left out,
# because the decoded address is limited in length as a whole.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_USUAL_EMAIL = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@((?!.*xn--)[a-z0-9.-]+)", re.IGNORECASE | re.ASCII
)
_MAX_DOMAINS = 4_096


@frozen
class EmailGate:
    """The gate of e-mail addresses: syntactically valid (RFC 5321, 5322, 6531), trimmed, in NFC."""

    def read(self, raw: object) -> str:
        value = TextGate(max_length=254, blank=False).read(raw)
        usual = _USUAL_EMAIL.fullmatch(value)
        is_valid = _is_valid(value) if usual is None else _is_valid_domain(usual[1].lower())
        if not is_valid:
            raise InvalidValue("INVALID_FORMAT", "must be a valid e-mail address")
        return value


@frozen
class PhoneGate:
    def read(self, raw: object) -> str:
        value = TextGate(max_length=50).read(raw)
        if not _PHONE.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be digits, spaces and + - ( ) . / x")
        return value


@frozen(kw_only=True)
class CountryCodeGate:
    """The gate of two-letter country codes, in upper case; empty is allowed if `blank`."""

    blank: bool = True

    def read(self, raw: object) -> str:
        value = text_of(raw).strip(WHITESPACE)
        if not value and not self.blank:
            raise InvalidValue("REQUIRED", "must not be empty")
        if value and not _TWO_LETTERS.fullmatch(value):
            raise InvalidValue("INVALID_FORMAT", "must be a two-letter country code")
        return value.upper()


Email = Annotated[str, EmailGate()]


Phone = Annotated[str, PhoneGate()]


@lru_cache(_MAX_DOMAINS)
def _is_valid_domain(domain: str) -> bool:
    """Whether the ASCII domain is valid in an e-mail address. Cached: most addresses share few
    domains, and checking one takes more than half the time of reading a new customer's body.
    """
    return _is_valid(f"a@{domain}")


def _is_valid(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def email_key(email: str) -> str:
    """The lower-case NFC form of an e-mail address, unique among a tenant's living customers."""
    return normalize("NFC", email.lower())
