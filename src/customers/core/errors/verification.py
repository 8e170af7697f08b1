"""Errors of verifying an e-mail address."""

from typing import ClassVar

from customers.core.errors import Conflict, CustomersError, Invalid
from customers.core.errors.availability import Busy


class EmailAlreadyVerified(Conflict):
    code = "EMAIL_ALREADY_VERIFIED"
    message = "the e-mail address is already verified"


class InvalidVerificationToken(Invalid):
    """The token is unknown, expired, used, or of an address that the customer no longer has: the
    answer does not tell which.
    """

    code = "INVALID_TOKEN"
    message = "the token is invalid or has expired: request another verification e-mail"

    def __init__(self) -> None:
        super().__init__(())


class VerificationLimitExceeded(Busy):
    """The customer was sent as many verification mails as may be sent for now."""

    code = "VERIFICATION_LIMIT_EXCEEDED"
    message = "at most one verification e-mail a minute and five a day are sent to a customer"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttempts(Busy):
    """One address has tried too many invalid tokens."""

    code = "TOO_MANY_ATTEMPTS"
    message = "too many invalid tokens, try again later"

    def __init__(self, retry_after_seconds: int = 1) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class MailNotConfigured(CustomersError):
    """The deployment has no way to send mail, until its operator has given it one."""

    retry_after_seconds: ClassVar[int] = 600
    code = "MAIL_NOT_CONFIGURED"
    message = "this deployment does not send e-mail: its operator has to configure it"


class MailNotSent(CustomersError):
    """A mail could not be handed over. The message is for operators, and holds no address."""

    code = "MAIL_NOT_SENT"
    message = "the mail could not be sent"
