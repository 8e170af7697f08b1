"""A token signed with the service's own key is accepted with its public key, and no other is."""

import pytest

from customers.adapters.jwt.own_key import OwnKey
from customers.adapters.jwt.verifier import UNKNOWN_KEY, JwtVerifier
from customers.core.errors.access import InvalidToken
from tests.support.builders import FixedClock
from tests.support.tokens import a_signer, claims


def test_what_it_signs_is_verified() -> None:
    key, content = OwnKey(), claims(name="Zoë")
    assert JwtVerifier(key.keys(), FixedClock()).verify(key.sign(content)) == content


def test_another_process_has_another_key() -> None:
    with pytest.raises(InvalidToken):
        JwtVerifier(OwnKey().keys(), FixedClock()).verify(OwnKey().sign(claims()))


def test_tokens_of_others_are_refused() -> None:
    with pytest.raises(InvalidToken, match=UNKNOWN_KEY):
        JwtVerifier(OwnKey().keys(), FixedClock()).verify(a_signer("EdDSA").token(claims()))


def test_the_key_is_not_shown() -> None:
    key = OwnKey()
    [public] = key.keys().current().keys
    assert (public.key_id, public.algorithms) == ("own", ("EdDSA",))
    assert "private" not in repr(public).lower()
