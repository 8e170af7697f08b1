"""The wallet has at most one default."""

from datetime import timedelta

from customers.core.model.payment import PaymentMethodChange, Wallet
from tests.support.builders import NOW, a_customer, a_payment_method

CUSTOMER = a_customer()


def test_the_first_method_is_the_default_until_another_one_replaces_it() -> None:
    first, second = a_payment_method(CUSTOMER), a_payment_method(CUSTOMER)
    wallet = Wallet().add(first, is_default=None, now=NOW).add(second, is_default=None, now=NOW)
    assert wallet[first.id].is_default
    wallet = wallet.change(second.id, PaymentMethodChange(is_default=True), now=NOW)
    assert [method.id for method in wallet.methods if method.is_default] == [second.id]


def test_the_oldest_other_method_replaces_a_removed_default() -> None:
    young, old = (
        a_payment_method(CUSTOMER),
        a_payment_method(CUSTOMER, created_at=NOW - timedelta(days=1)),
    )
    default = a_payment_method(CUSTOMER)
    wallet = Wallet().add(default, is_default=None, now=NOW)
    wallet = wallet.add(young, is_default=None, now=NOW).add(old, is_default=None, now=NOW)
    assert wallet.remove(default.id, now=NOW)[old.id].is_default
