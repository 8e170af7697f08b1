"""The gate of e-mail addresses accepts what email-validator accepts, also by its quicker check."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from customers.core.errors import InvalidValue
from customers.core.model.contact_gates import EmailGate

LOCALS = st.text("ab.A0+_-'\"@<> \\é\u0301/", max_size=8) | st.text(max_size=4)
LABELS = st.sampled_from(
    [
        *("example", "EXAMPLE", "test", "com", "x", "-x", "x-", "ab--c", "xn--", "xn--mnchen-3ya"),
        *("XN--a", "localhost", "local", "arpa", "0", "é", "\uff11", "", "a_b", "[x]"),
        *("a" * 63, "a" * 64),
    ]
)
DOMAINS = st.lists(LABELS, max_size=4).map(".".join) | st.text(max_size=6)


def is_valid(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def is_accepted(email: str) -> bool:
    try:
        assert EmailGate().read(email) == email
    except InvalidValue:
        return False
    return True


@given(LOCALS, DOMAINS)
def test_every_address_is_judged_as_by_the_library(local: str, domain: str) -> None:
    email = f"{local}@{domain}".strip()
    if email.isprintable() and len(email) <= 254:
        assert is_accepted(email) is is_valid(email)


@pytest.mark.parametrize("domain", ["example.test", "EXAMPLE.Test", "a.b-c.d0.test"])
def test_a_domain_that_is_known_by_now_is_accepted_again(domain: str) -> None:
    for local in ("ada", "Ada+x", "a.b.c", "o'neill", "x" * 200):
        assert is_accepted(f"{local}@{domain}")


@pytest.mark.parametrize(
    "email",
    [
        ".a@example.test",
        "a.@example.test",
        "a..b@example.test",
        "@example.test",
        "a@b@example.test",
        "a@localhost",
        "a@example",
        "a@-x.test",
        "a@x..test",
        "a@x.test.",
        "a@.test",
        "a@x.0",
        "a@ab--c.test",
        f"a@{'x' * 64}.test",
    ],
)
def test_what_looks_usual_and_is_invalid_is_refused(email: str) -> None:
    assert is_accepted("a@example.test")
    assert not is_accepted(email)
    assert not is_valid(email)
