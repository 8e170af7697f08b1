"""Who gets the next place: tenants in turn, each at most its share while others wait."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.bulkheads.shares import Shares

TENANTS = st.sampled_from("abcd")


def takes(shares: Shares[str], tenant: str, count: int = 100) -> int:
    """How many places the tenant gets when it tries to take `count`."""
    return sum(shares.take(tenant) for _ in range(count))


def admitted(shares: Shares[str]) -> Sequence[str]:
    """Admits waiters while one can get a place; returns them in order."""
    waiters = []
    while (pair := shares.admit_next()) is not None:
        waiters.append(pair[1])
    return waiters


@pytest.mark.parametrize(
    ("size", "alone"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (10, 8), (30, 24)]
)
def test_a_tenant_alone_has_all_but_the_reserve(size: int, alone: int) -> None:
    assert takes(Shares(size), "a") == alone


@pytest.mark.parametrize(("size", "reserve"), [(3, 1), (10, 2), (30, 6)])
def test_the_next_tenant_finds_the_reserve(size: int, reserve: int) -> None:
    shares = Shares[str](size)
    takes(shares, "a")
    assert takes(shares, "b") == reserve


def test_a_tenant_never_has_more_than_the_most() -> None:
    shares = Shares[str](4, per_tenant=1)
    assert [takes(shares, tenant) for tenant in "abcde"] == [1, 1, 1, 1, 0]
    for waiter in ("a1", "a2", "e1"):
        shares.add_waiter(waiter[0], waiter)
    shares.give_back("b")
    assert admitted(shares) == ["e1"]
    shares.give_back("a")
    assert admitted(shares) == ["a1"]
    assert not shares.has_place_for("a")


def test_a_tenant_that_has_the_most_it_may_have_has_its_share() -> None:
    shares = Shares[str](10, per_tenant=1)
    assert not shares.has_its_share("a")
    takes(shares, "a")
    assert shares.has_its_share("a")


def test_whether_there_is_a_place_is_known_without_taking_it() -> None:
    shares = Shares[str](10)
    takes(shares, "a")
    assert not shares.has_place_for("a")
    assert shares.has_place_for("b")
    assert takes(shares, "b", 2) == 2
    assert not shares.has_place_for("b")


def test_while_others_wait_a_tenant_keeps_no_more_than_a_third() -> None:
    shares = Shares[str](10)
    takes(shares, "a", 7)
    takes(shares, "b", 3)
    for number in range(9):
        shares.add_waiter("a", f"a{number}")
        shares.add_waiter("b", f"b{number}")
    for _ in range(4):
        shares.give_back("a")
        assert admitted(shares) == []
    shares.give_back("a")
    assert admitted(shares) == ["a0"]


def test_tenants_are_served_in_turn_and_each_first_come_first_served() -> None:
    shares = Shares[str](9)
    for tenant in "xyz":
        takes(shares, tenant, 3)
    for waiter in ("a1", "a2", "a3", "b1", "b2", "c1"):
        shares.add_waiter(waiter[0], waiter)
    for tenant in "xxyyzz":
        shares.give_back(tenant)
    assert admitted(shares) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_tenant_whose_requests_wait_overtakes_none_of_them() -> None:
    shares = Shares[str](2)
    takes(shares, "a")
    shares.add_waiter("a", "first")
    shares.give_back("a")
    assert not shares.take("a")
    assert admitted(shares) == ["first"]


def test_a_tenant_may_have_more_again_when_the_others_have_given_up() -> None:
    shares = Shares[str](10)
    takes(shares, "a", 3)
    shares.add_waiter("b", "b")
    assert not shares.take("a")
    shares.remove_waiter("b", "b")
    assert takes(shares, "a") == 5


def test_a_tenant_has_its_share_from_a_third_on() -> None:
    shares = Shares[str](10)
    takes(shares, "a", 2)
    assert not shares.has_its_share("a")
    takes(shares, "a", 1)
    assert shares.has_its_share("a")


def test_the_usage_counts_places_and_waiters() -> None:
    shares = Shares[str](10)
    takes(shares, "a", 3)
    takes(shares, "b", 1)
    shares.add_waiter("b", "waiter")
    usage = shares.usage()
    assert (usage.size, usage.taken, usage.busiest, usage.waiting) == (10, 4, 3, 1)


@given(size=st.integers(1, 12), steps=st.lists(st.tuples(TENANTS, st.booleans()), max_size=60))
def test_no_place_is_given_twice_and_none_is_kept_from_a_tenant_below_its_share(
    size: int, steps: list[tuple[str, bool]]
) -> None:
    shares, taken = Shares[str](size), dict.fromkeys("abcd", 0)
    for tenant, enters in steps:
        if enters:
            if shares.take(tenant):
                taken[tenant] += 1
            else:
                shares.add_waiter(tenant, tenant)
        elif taken[tenant]:
            shares.give_back(tenant)
            taken[tenant] -= 1
        for waiter in admitted(shares):
            taken[waiter] += 1
        assert sum(taken.values()) == shares.usage().taken <= size
        starving = [waiter for waiter in shares.waiters() if not shares.has_its_share(waiter)]
        assert not starving or sum(taken.values()) == size
