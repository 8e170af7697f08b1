"""Authenticates callers and checks their permissions, for REST and gRPC."""

from customers.core.model.permissions import Permission
from customers.core.model.principal import Principal
from customers.entrypoints.access.authenticator import Authenticator
from customers.entrypoints.access.caller import Caller


class Guard:
    """Admits callers to operations. `is_open` means that authentication is off."""

    def __init__(self, authenticator: Authenticator, *, is_open: bool) -> None:
        self._authenticator = authenticator
        self.is_open = is_open

    async def authenticate(self, caller: Caller) -> Principal:
        """The principal of a caller. Raises Unauthenticated, InvalidToken, Unavailable."""
        return await self._authenticator.authenticate(caller)

    async def admit(self, caller: Caller, permission: Permission) -> Principal:
        """The principal of a caller who has the permission.

        Raises as `authenticate`, and PermissionDenied.
        """
        principal = await self._authenticator.authenticate(caller)
        principal.expect(permission)
        return principal

    async def admit_shopper(self, caller: Caller) -> Principal:
        """The principal of a caller who is a shopper. If authentication is off, it is the shopper
        whom the headers name.

        Raises as `authenticate`, and ShopperRequired.
        """
        principal = await self._authenticator.authenticate(caller)
        if self.is_open:
            principal = principal.as_shopper()
        principal.expect_shopper()
        return principal
