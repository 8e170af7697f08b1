"""Errors of verifying an e-mail address."""

from typing import ClassVar

from customers.core.errors import Conflict, CustomersError, Invalid
from customers.core.errors.availability import Busy


class EmailAlreadyVerified(Conflict):
    code = "EMAIL_ALREADY_VERIFIED"
    message = "the e-mail address is already verified"


class InvalidVerificationToken(Invalid):
    """The token is unknown or expired, the customer has already used one of their tokens, is
    deleted, or no longer has the address to which it was sent; the caller is not told which.
    """

    code = "INVALID_TOKEN"
    message = "the token is invalid or has expired: request another verification e-mail"

    def __init__(self) -> None:
        super().__init__(())


class VerificationLimitExceeded(Busy):
    """The customer was already sent as many verification e-mails as are allowed for now."""

    code = "VERIFICATION_LIMIT_EXCEEDED"
    message = "at most one verification e-mail a minute and five a day are sent to a customer"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttempts(Busy):
    """Too many invalid tokens came from one network address."""

    code = "TOO_MANY_ATTEMPTS"
    message = "too many invalid tokens, try again later"

    def __init__(self, retry_after_seconds: int = 1) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class MailNotConfigured(CustomersError):
    """The deployment is not configured to send e-mail."""

    retry_after_seconds: ClassVar[int] = 600
    code = "MAIL_NOT_CONFIGURED"
    message = "this deployment does not send e-mail: its operator has to configure it"


class MailNotSent(CustomersError):
    """An e-mail could not be handed over for delivery. The message is for operators and contains no
    e-mail address.
    """

    code = "MAIL_NOT_SENT"
    message = "the mail could not be sent"
