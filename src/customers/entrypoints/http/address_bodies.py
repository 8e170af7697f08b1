"""The bodies with which addresses are added and changed, by staff and by shoppers."""

from typing import Final

from customers.core.model.address import AddressChange, AddressDetails
from customers.entrypoints.http.routes import Body
from customers.entrypoints.json.decode import Nulls

# Callers may send an address back with all the keys that they received.
_IGNORED: Final = frozenset({"id", "customerId", "createdAt", "updatedAt"})

NEW_ADDRESS: Final = Body(AddressDetails, ignored=_IGNORED)
PUT_ADDRESS: Final = Body(AddressChange, ignored=_IGNORED)
PATCH_ADDRESS: Final = Body(AddressChange, Nulls.CLEAR, is_required=False, ignored=_IGNORED)
