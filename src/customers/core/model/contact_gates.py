"""The gates of e-mail addresses, phone numbers and countries."""

import re
from typing import Annotated

from attrs import frozen
from email_validator import EmailNotValidError, validate_email

from customers.core.errors import InvalidValue
from customers.core.model.unicode_forms import normalize
from customers.core.model.values import WHITESPACE, TextGate, text_of

_PHONE = re.compile(r"[0-9+\-()./ x]*")


_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")


@frozen
class EmailGate:
    """The gate of e-mail addresses: syntactically valid (RFC 5321, 5322, 6531), trimmed, in NFC."""

    def read(self, raw: object) -> str:
        value = TextGate(max_length=254, blank=False).read(raw)
        try:
            validate_email(value, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise InvalidValue("INVALID_FORMAT", "must be a valid e-mail address") from error
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


def email_key(email: str) -> str:
    """The lower-case NFC form of an e-mail address, unique among a tenant's living customers."""
    return normalize("NFC", email.lower())
