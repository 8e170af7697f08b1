"""The guard of both interfaces: who calls, and whether they may call the operation."""

from customers.core.model.permissions import Permission
from customers.core.model.principal import Principal
from customers.entrypoints.access.authenticator import Authenticator
from customers.entrypoints.access.caller import Caller


class Guard:
    """`is_open`: whether nobody is authenticated, so that what callers say of themselves counts."""

    def __init__(self, authenticator: Authenticator, *, is_open: bool) -> None:
        self._authenticator = authenticator
        self.is_open = is_open

    async def authenticate(self, caller: Caller) -> Principal:
        """Raises Unauthenticated, InvalidToken, Unavailable."""
        return await self._authenticator.authenticate(caller)

    async def admit(self, caller: Caller, *permissions: Permission) -> Principal:
        """The principal of a caller, who has at least one of the permissions.

        Raises as `authenticate`, and PermissionDenied.
        """
        principal = await self._authenticator.authenticate(caller)
        if principal.permissions.isdisjoint(permissions):
            principal.expect(permissions[0])
        return principal

    async def admit_shopper(self, caller: Caller) -> Principal:
        """The principal of a caller who is a shopper. Where nobody is authenticated, it is the
        shopper whom the headers name.

        Raises as `authenticate`, and ShopperRequired.
        """
        principal = await self._authenticator.authenticate(caller)
        if self.is_open:
            principal = principal.as_shopper()
        principal.expect_shopper()
        return principal
