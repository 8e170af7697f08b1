"""The id of a tenant: taken as it is, or refused."""

import re

import pytest

from customers.core.errors import InvalidValue
from customers.core.model.tenant import VISIBLE_BUT_COMMA, TenantGate

VISIBLE = [chr(code) for code in range(0x21, 0x7F) if chr(code) != ","]


@pytest.mark.parametrize("tenant", ["a", "x" * 255, "".join(VISIBLE), "a-b", "-", "*", "A"])
def test_visible_ascii_is_taken_as_it_is(tenant: str) -> None:
    assert TenantGate().read(tenant) == tenant


def test_no_other_character_is_in_a_tenant() -> None:
    others = {chr(code) for code in range(0x3000)} - set(VISIBLE)
    for character in (*others, "\ud800", "\U0001f600", "\ufeff"):
        for text in (character, f"a{character}", f"{character}a"):
            with pytest.raises(InvalidValue) as raised:
                TenantGate().read(text)
            assert raised.value.code == "INVALID_TENANT"


@pytest.mark.parametrize("raw", ["", "x" * 256, None, 1, True, b"a", ["a"], {}])
def test_anything_else_is_refused(raw: object) -> None:
    with pytest.raises(InvalidValue):
        TenantGate().read(raw)


def test_a_deployment_may_allow_fewer_tenants_but_not_more() -> None:
    gate = TenantGate.of("shop-[0-9]+|.* .*|é+")
    assert gate.read("shop-17") == "shop-17"
    for tenant in ("shop-", "xshop-17", "shop-17x", "a b", "é", "other"):
        with pytest.raises(InvalidValue, match=re.escape("match shop-[0-9]+")):
            gate.read(tenant)


def test_the_default_pattern_narrows_nothing() -> None:
    assert TenantGate.of(VISIBLE_BUT_COMMA) == TenantGate()
