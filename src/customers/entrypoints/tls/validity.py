"""Whether certificates are valid now; if not, a sentence says since or until when, and a remedy."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from customers.entrypoints.observability.logs import logger


class CannotServeTls(Exception):
    """The certificate's files cannot be used; the message names the setting and the remedy."""


def expect_valid(certificate: x509.Certificate, file: Path) -> None:
    """Raises CannotServeTls if the certificate of TLS_CERT is not valid now."""
    if problem := _problem_of(certificate):
        raise CannotServeTls(f"TLS_CERT: the certificate in {file} {problem}")


def expect_valid_authorities(authorities: Sequence[x509.Certificate], file: Path) -> None:
    """Raises CannotServeTls if none of the authorities of TLS_CLIENT_CA is valid now. Logs those
    that are not, if another one is.
    """
    problems = [(place, _problem_of(one)) for place, one in enumerate(authorities, start=1)]
    sentences = [
        f"TLS_CLIENT_CA: certificate {place} of {len(authorities)} in {file} {problem}"
        for place, problem in problems
        if problem is not None
    ]
    if len(sentences) == len(authorities):
        raise CannotServeTls("; ".join(sentences))
    for sentence in sentences:
        logger().warning("callers cannot use an authority", problem=sentence)


def _problem_of(certificate: x509.Certificate) -> str | None:
    now = datetime.now(UTC)  # noqa: TID251 - real time, which callers check too
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends < now:
        return f"expired at {_text(ends)}: replace it"
    if now < begins:
        return (
            f"is not valid before {_text(begins)}: use one that is valid now, or correct the "
            "clock of this machine"
        )
    return None


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
