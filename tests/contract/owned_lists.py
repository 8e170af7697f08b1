"""The contract that all lists of a customer share, from addresses to orders."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from customers.core.errors import CustomerNotFound
from customers.core.model.customer import Customer
from customers.core.ports.storage import Storage
from tests.contract.addresses import addresses
from tests.contract.communications import communications
from tests.contract.notes import notes
from tests.contract.orders import newest
from tests.contract.payment_methods import methods
from tests.support.builders import (
    a_communication,
    a_customer,
    a_note,
    a_payment_method,
    an_address,
    an_entry,
    later,
)
from tests.support.storage_steps import (
    a_stored_customer,
    add_communications,
    add_notes,
    delete,
    get_customer,
    save,
    save_entries,
    set_addresses,
    set_methods,
)

Add = Callable[[Storage, Customer], Awaitable[object]]
Read = Callable[[Storage, Customer], Awaitable[Sequence[object]]]

LISTS: dict[str, tuple[Add, Read]] = {
    "addresses": (lambda storage, ada: set_addresses(storage, ada, an_address(ada)), addresses),
    "methods": (lambda storage, ada: set_methods(storage, ada, a_payment_method(ada)), methods),
    "notes": (lambda storage, ada: add_notes(storage, ada, a_note(ada)), notes),
    "communications": (
        lambda storage, ada: add_communications(storage, ada, a_communication(ada)),
        communications,
    ),
    "orders": (lambda storage, ada: save_entries(storage, ada, an_entry(ada)), newest),
}
every_list = pytest.mark.parametrize(("add", "read"), LISTS.values(), ids=LISTS)


class OwnedListContract:
    @every_list
    async def test_listing_for_an_unknown_or_deleted_customer_raises(
        self, storage: Storage, tenant: str, add: Add, read: Read
    ) -> None:
        deleted = await a_stored_customer(storage, tenant)
        await add(storage, deleted)
        await delete(storage, await get_customer(storage, deleted))
        for customer in (deleted, a_customer(tenant_id=tenant)):
            with pytest.raises(CustomerNotFound):
                await read(storage, customer)

    @every_list
    async def test_a_restored_customer_has_the_same_list_as_before(
        self, storage: Storage, tenant: str, add: Add, read: Read
    ) -> None:
        customer = await a_stored_customer(storage, tenant)
        await add(storage, customer)
        before = await read(storage, customer)
        deleted = await delete(storage, await get_customer(storage, customer))
        await save(storage, deleted.restored(later(days=1)))
        assert len(before) == 1
        assert await read(storage, customer) == before
